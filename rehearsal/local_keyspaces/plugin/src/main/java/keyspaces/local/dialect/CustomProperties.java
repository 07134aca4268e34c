package keyspaces.local.dialect;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import keyspaces.local.Rule;
import org.apache.cassandra.exceptions.InvalidRequestException;

/**
 * What CUSTOM_PROPERTIES may say of a table. Source: Developer Guide, cql.ddl.table, and warm throughput.
 *
 * <pre>
 * 'capacity_mode':            {'throughput_mode': 'PAY_PER_REQUEST'} or
 *                             {'throughput_mode': 'PROVISIONED', 'read_capacity_units': n, 'write_capacity_units': n}
 * 'client_side_timestamps':   {'status': 'enabled'}
 * 'ttl':                      {'status': 'enabled'}
 * 'point_in_time_recovery':   {'status': 'enabled'} or {'status': 'disabled'}
 * 'encryption_specification': {'encryption_type': 'AWS_OWNED_KMS_KEY'} or
 *                             {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY', 'kms_key_identifier': 'arn:…'}
 * 'warm_throughput':          {'read_units_per_second': n, 'write_units_per_second': n}
 * </pre>
 */
final class CustomProperties {
    /** Units that one table may have provisioned for reads, and for writes. Source: quotas. */
    static final int MAX_UNITS = 40_000;

    private static final List<String> NAMES = List.of(
            "capacity_mode",
            "client_side_timestamps",
            "encryption_specification",
            "point_in_time_recovery",
            "ttl",
            "warm_throughput");
    private static final List<String> NOT_MODELLED = List.of("cdc_specification", "replica_updates");

    private CustomProperties() {}

    /** The properties as they are kept. */
    static Map<String, Map<String, String>> check(Map<String, Object> written) {
        Map<String, Map<String, String>> checked = new TreeMap<>();
        written.forEach((writtenName, value) -> {
            String name = writtenName.toLowerCase(Locale.ROOT);
            if (NOT_MODELLED.contains(name))
                throw new InvalidRequestException("CUSTOM_PROPERTIES: " + name + " is not modelled by local Keyspaces");
            if (!NAMES.contains(name)) {
                Rule.CUSTOM_PROPERTY_KNOWN.refuse(
                        "CUSTOM_PROPERTIES: there is no property '" + writtenName + "'; there are " + NAMES);
                return;
            }
            Map<String, String> members = members(name, value);
            if (members != null) checked.put(name, members);
        });
        return checked;
    }

    /** The members of one property; null when they are wrong and the rule is off. */
    private static Map<String, String> members(String name, Object value) {
        String problem = value instanceof Map<?, ?> map ? problem(name, text(map)) : "is not a map";
        if (problem == null) return Map.copyOf(text((Map<?, ?>) value));
        Rule.CUSTOM_PROPERTY_VALUE.refuse("CUSTOM_PROPERTIES: " + name + " " + problem);
        return null;
    }

    private static Map<String, String> text(Map<?, ?> members) {
        Map<String, String> texts = new HashMap<>();
        members.forEach((key, value) -> texts.put(String.valueOf(key), String.valueOf(value)));
        return texts;
    }

    private static String problem(String name, Map<String, String> members) {
        return switch (name) {
            case "capacity_mode" -> capacityProblem(members);
            case "encryption_specification" -> encryptionProblem(members);
            case "warm_throughput" -> firstOf(
                    unknown(members, "read_units_per_second", "write_units_per_second"),
                    notUnits(members, "read_units_per_second", Integer.MAX_VALUE),
                    notUnits(members, "write_units_per_second", Integer.MAX_VALUE));
            default -> firstOf(unknown(members, "status"), notOneOf(members, "status", "enabled", "disabled"));
        };
    }

    private static String capacityProblem(Map<String, String> members) {
        String mode = notOneOf(members, "throughput_mode", "PAY_PER_REQUEST", "PROVISIONED");
        if (mode != null) return mode;
        if (members.get("throughput_mode").equals("PAY_PER_REQUEST"))
            return members.size() == 1 ? null : "has capacity units, which PAY_PER_REQUEST does not take";
        return firstOf(
                unknown(members, "throughput_mode", "read_capacity_units", "write_capacity_units"),
                notUnits(members, "read_capacity_units", MAX_UNITS),
                notUnits(members, "write_capacity_units", MAX_UNITS));
    }

    private static String encryptionProblem(Map<String, String> members) {
        boolean customer = "CUSTOMER_MANAGED_KMS_KEY".equals(members.get("encryption_type"));
        return firstOf(
                notOneOf(members, "encryption_type", "AWS_OWNED_KMS_KEY", "CUSTOMER_MANAGED_KMS_KEY"),
                unknown(members, "encryption_type", "kms_key_identifier"),
                customer == members.containsKey("kms_key_identifier")
                        ? null
                        : "takes a kms_key_identifier with CUSTOMER_MANAGED_KMS_KEY, and only then");
    }

    private static String firstOf(String... problems) {
        return Arrays.stream(problems).filter(problem -> problem != null).findFirst().orElse(null);
    }

    private static String unknown(Map<String, String> members, String... allowed) {
        return members.keySet().stream()
                .filter(member -> !Arrays.asList(allowed).contains(member))
                .findFirst()
                .map(member -> "has no member '" + member + "'; there are " + Arrays.toString(allowed))
                .orElse(null);
    }

    private static String notOneOf(Map<String, String> members, String member, String... allowed) {
        String value = members.get(member);
        return Arrays.asList(allowed).contains(value)
                ? null
                : "has " + member + " " + value + "; allowed are " + Arrays.toString(allowed);
    }

    private static String notUnits(Map<String, String> members, String member, int most) {
        String value = members.get(member);
        try {
            if (value != null && Integer.parseInt(value) >= 1 && Integer.parseInt(value) <= most) return null;
        } catch (NumberFormatException notANumber) {
            return "has " + member + " " + value + ", which is not a number of units";
        }
        return "has " + member + " " + value + "; it takes 1 to " + most;
    }
}
