package keyspaces.local.dialect;

import java.util.Map;
import java.util.TreeMap;
import keyspaces.local.Rule;
import org.apache.cassandra.exceptions.SyntaxException;

/** The replication of a keyspace. Source: Developer Guide, cql.ddl.keyspace. */
final class Replication {
    /** One node holds one replica, whatever was declared. */
    static final String OF_ONE_NODE = "{'class': 'SimpleStrategy', 'replication_factor': '1'}";

    private Replication() {}

    /** What the client declared, if it is taken. */
    static Map<String, String> check(Map<String, Object> written) {
        Map<String, String> declared = new TreeMap<>();
        written.forEach((key, value) -> {
            if (value instanceof Map) throw new SyntaxException("REPLICATION: the value of '" + key + "' is not text");
            declared.put(key, (String) value);
        });
        String strategy = declared.getOrDefault("class", "");
        String plain = strategy.substring(strategy.lastIndexOf('.') + 1);
        if (!plain.equals("SingleRegionStrategy") && !plain.equals("SimpleStrategy"))
            Rule.REPLICATION_STRATEGY.refuse("Replication class '" + strategy
                    + "' is not taken; use {'class': 'SingleRegionStrategy'}. Keyspaces over several Regions"
                    + " (NetworkTopologyStrategy) are not modelled by local Keyspaces");
        return declared;
    }
}
