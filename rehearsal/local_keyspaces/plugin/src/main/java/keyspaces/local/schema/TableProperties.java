package keyspaces.local.schema;

import java.util.Map;
import java.util.TreeMap;

/**
 * What Amazon Keyspaces knows of a table beside its schema. Immutable.
 *
 * @param custom CUSTOM_PROPERTIES: property, then member, then value as text; defaults are left out
 * @param payPerRequestSinceMillis when the table last went from provisioned capacity to on-demand; 0 for never
 */
public record TableProperties(Map<String, Map<String, String>> custom, long payPerRequestSinceMillis) {
    public static final TableProperties DEFAULT = new TableProperties(Map.of(), 0);

    private static final Map<String, String> ON_DEMAND = Map.of("throughput_mode", "PAY_PER_REQUEST");

    public boolean clientSideTimestamps() {
        return enabled("client_side_timestamps");
    }

    public boolean timeToLive() {
        return enabled("ttl");
    }

    public boolean provisioned() {
        return "PROVISIONED".equals(member("capacity_mode", "throughput_mode"));
    }

    /** Provisioned read units a second; 0 on demand. */
    public int readUnits() {
        return number("capacity_mode", "read_capacity_units");
    }

    /** Provisioned write units a second; 0 on demand. */
    public int writeUnits() {
        return number("capacity_mode", "write_capacity_units");
    }

    /** Read units a second that the table is warmed for; 0 when nothing was asked for. */
    public int warmReadUnits() {
        return number("warm_throughput", "read_units_per_second");
    }

    /** Write units a second that the table is warmed for; 0 when nothing was asked for. */
    public int warmWriteUnits() {
        return number("warm_throughput", "write_units_per_second");
    }

    /** These properties with others put over them. */
    public TableProperties with(Map<String, Map<String, String>> changes, long nowMillis) {
        Map<String, Map<String, String>> merged = new TreeMap<>(custom);
        merged.putAll(changes);
        TableProperties changed = new TableProperties(Map.copyOf(merged), payPerRequestSinceMillis);
        return provisioned() && !changed.provisioned() ? new TableProperties(changed.custom, nowMillis) : changed;
    }

    /** All properties, those included that were never set. */
    public Map<String, Map<String, String>> shown() {
        Map<String, Map<String, String>> all = new TreeMap<>();
        all.put("encryption_specification", Map.of("encryption_type", "AWS_OWNED_KMS_KEY"));
        all.put("point_in_time_recovery", Map.of("status", "disabled"));
        all.putAll(custom);
        Map<String, String> capacity = new TreeMap<>(custom.getOrDefault("capacity_mode", ON_DEMAND));
        if (!provisioned())
            capacity.put("last_update_to_pay_per_request_timestamp", Long.toString(payPerRequestSinceMillis));
        all.put("capacity_mode", capacity);
        return all;
    }

    private boolean enabled(String property) {
        return "enabled".equals(member(property, "status"));
    }

    private String member(String property, String member) {
        Map<String, String> members = custom.get(property);
        return members == null ? null : members.get(member);
    }

    private int number(String property, String member) {
        String value = member(property, member);
        return value == null ? 0 : Integer.parseInt(value);
    }
}
