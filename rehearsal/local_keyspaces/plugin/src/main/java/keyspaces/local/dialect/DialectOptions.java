package keyspaces.local.dialect;

import java.util.Map;

/**
 * What a statement on the schema said that Cassandra does not know.
 *
 * @param customProperties CUSTOM_PROPERTIES, checked; empty when there was none
 * @param replication the replication as the client wrote it, or null when the statement has none
 * @param tagsOnly the statement did nothing but add or drop tags
 */
public record DialectOptions(
        Map<String, Map<String, String>> customProperties, Map<String, String> replication, boolean tagsOnly) {
    public static final DialectOptions NONE = new DialectOptions(Map.of(), null, false);
}
