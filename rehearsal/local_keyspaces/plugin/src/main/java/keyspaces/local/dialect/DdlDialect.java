package keyspaces.local.dialect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import keyspaces.local.Rule;
import org.apache.cassandra.exceptions.InvalidRequestException;
import org.apache.cassandra.exceptions.SyntaxException;

/**
 * Translates Keyspaces' statements on the schema to Cassandra's.
 *
 * <p>The dialect, beyond Cassandra's own CQL (Developer Guide, cql.ddl.keyspace and cql.ddl.table):
 *
 * <ul>
 *   <li>{@code CREATE|ALTER KEYSPACE … WITH REPLICATION = {'class': 'SingleRegionStrategy'}}; SimpleStrategy too. The
 *       keyspace is made with one replica, which is all that one node has; what was written is shown in
 *       system_schema_mcs.
 *   <li>{@code CREATE|ALTER TABLE … WITH CUSTOM_PROPERTIES = {…}}: see {@link CustomProperties}.
 *   <li>{@code WITH TAGS = {…}}, {@code ALTER TABLE … ADD|DROP TAGS {…}}: read, checked and left to the control plane,
 *       which keeps tags.
 * </ul>
 *
 * <p>AUTOSCALING_SETTINGS, change data capture and RESTORE TABLE are not modelled and are refused with those words.
 */
public final class DdlDialect {
    /** CQL for Cassandra, and what was taken out of it. */
    public record Translated(String cql, DialectOptions options) {}

    // Says what is so already: for an ALTER TABLE of which nothing else is left.
    private static final String NO_CHANGE = " WITH gc_grace_seconds = 864000";

    private final String cql;
    private final List<Token> tokens;

    private DdlDialect(String cql, List<Token> tokens) {
        this.cql = cql;
        this.tokens = tokens;
    }

    /** The translation, or null for a statement that is the same in both. */
    public static Translated translate(String cql) {
        Token first = new CqlTokenizer(cql).next();
        if (first == null || first.kind() != Token.Kind.WORD) return null;
        return switch (first.text()) {
            case "create", "alter" -> new DdlDialect(cql, new CqlTokenizer(cql).rest()).translate();
            case "restore" -> throw new InvalidRequestException("RESTORE TABLE is not modelled by local Keyspaces");
            default -> null;
        };
    }

    private Translated translate() {
        if (tokens.size() < 2) return null;
        if (tokens.get(1).isWord("keyspace")) return translateKeyspace();
        return tokens.get(1).isWord("table") ? translateTable() : null;
    }

    private Translated translateKeyspace() {
        int with = with();
        if (with < 0) return null;
        Map<String, String> declared = null;
        StringBuilder kept = new StringBuilder();
        for (OptionList.Option option : OptionList.read(cql, tokens, with + 1)) {
            if (option.name().equals("replication")) {
                declared = Replication.check(MapLiteral.read("REPLICATION", option.value()));
                append(kept, "replication = " + Replication.OF_ONE_NODE);
            } else if (option.name().equals("tags")) {
                checkTags(option.value());
            } else {
                append(kept, option.text());
            }
        }
        return new Translated(
                head(with) + kept, new DialectOptions(Map.of(), declared, false));
    }

    private Translated translateTable() {
        int tags = tagsStatement();
        if (tags > 0) {
            checkTags(tokens.subList(tags, endOfStatement()));
            return new Translated(cql.substring(0, tokens.get(tags - 2).start()) + NO_CHANGE, new DialectOptions(Map.of(), null, true));
        }
        int with = with();
        if (with < 0) return null;
        Map<String, Map<String, String>> custom = Map.of();
        StringBuilder kept = new StringBuilder();
        for (OptionList.Option option : OptionList.read(cql, tokens, with + 1)) {
            switch (option.name()) {
                case "custom_properties" -> custom =
                        CustomProperties.check(MapLiteral.read("CUSTOM_PROPERTIES", option.value()));
                case "tags" -> checkTags(option.value());
                case "autoscaling_settings" -> throw new InvalidRequestException(
                        "AUTOSCALING_SETTINGS is not modelled by local Keyspaces in CQL: use the control plane");
                default -> append(kept, option.text());
            }
        }
        boolean alter = tokens.get(0).isWord("alter");
        if (alter && custom.size() > 1)
            Rule.ALTER_ONE_PROPERTY.refuse("ALTER TABLE changes " + custom.keySet()
                    + " at once; it can change a single custom property only");
        String head = head(with);
        if (alter && kept.isEmpty()) kept.append(NO_CHANGE);
        return new Translated(head + kept, new DialectOptions(custom, null, false));
    }

    private String head(int with) {
        return cql.substring(0, tokens.get(with).start());
    }

    private static void append(StringBuilder kept, String option) {
        kept.append(kept.isEmpty() ? " WITH " : " AND ").append(option);
    }

    /** Where the options begin: the WITH that is in no parentheses; -1 without one. */
    private int with() {
        int depth = 0;
        for (int i = 0; i < tokens.size(); i++) {
            Token token = tokens.get(i);
            if (token.isSymbol('(') || token.isSymbol('{')) depth++;
            else if (token.isSymbol(')') || token.isSymbol('}')) depth--;
            else if (depth == 0 && token.isWord("with")) return i;
        }
        return -1;
    }

    /** Index of the map in ALTER TABLE … ADD|DROP TAGS {…}, or 0. */
    private int tagsStatement() {
        for (int i = 2; i + 1 < tokens.size() && tokens.get(0).isWord("alter"); i++)
            if (tokens.get(i).isWord("tags")
                    && (tokens.get(i - 1).isWord("add") || tokens.get(i - 1).isWord("drop"))
                    && tokens.get(i + 1).isSymbol('{')) return i + 1;
        return 0;
    }

    private int endOfStatement() {
        int end = tokens.size();
        while (end > 0 && tokens.get(end - 1).isSymbol(';')) end--;
        return end;
    }

    private static void checkTags(List<Token> value) {
        Map<String, Object> tags = new TreeMap<>(MapLiteral.read("TAGS", value));
        List<String> bad = new ArrayList<>();
        tags.forEach((key, tag) -> {
            if (!(tag instanceof String)) bad.add(key);
        });
        if (!bad.isEmpty()) throw new SyntaxException("TAGS: the value of " + bad + " is not text");
    }
}
