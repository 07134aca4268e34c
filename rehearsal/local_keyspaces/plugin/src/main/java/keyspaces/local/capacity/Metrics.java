package keyspaces.local.capacity;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import keyspaces.local.capacity.TableMeter.Count;
import keyspaces.local.capacity.TableMeter.Verb;
import keyspaces.local.capacity.Throughput.Cause;

/**
 * The counters in the shape of CloudWatch's namespace AWS/Cassandra. Source: metrics-dimensions.
 *
 * <p>Values are sums since the node started, but for the provisioned units, which are as they are now. What was never
 * counted is left out.
 */
public final class Metrics {
    private static final double MICROS_PER_MILLI = 1000;

    private final List<Map<String, Object>> found = new ArrayList<>();

    private Metrics() {}

    /** All metrics of all tables. */
    public static List<Map<String, Object>> of(Capacity capacity) {
        Metrics metrics = new Metrics();
        long now = System.nanoTime();
        for (TableMeter meter : capacity.meters()) metrics.add(meter, now);
        return metrics.found;
    }

    private void add(TableMeter meter, long now) {
        add(meter, "ConsumedWriteCapacityUnits", null, "Count", meter.writeUnits.sum());
        add(meter, "ConsumedReadCapacityUnits", null, "Count", meter.readHalves.sum() / 2.0);
        add(meter, "ConditionalCheckFailedRequests", null, "Count", meter.conditionsFailed.sum());
        var properties = meter.table.properties();
        add(meter, "ProvisionedWriteCapacityUnits", null, "Count", meter.writes.provisioned(properties, now));
        add(meter, "ProvisionedReadCapacityUnits", null, "Count", meter.reads.provisioned(properties, now));
        for (Verb verb : Verb.values()) {
            String throttles = verb == Verb.SELECT ? "ReadThrottleEvents" : "WriteThrottleEvents";
            add(meter, throttles, verb, "Count", meter.throttled(Cause.TABLE, verb).sum());
            add(meter, "StoragePartitionThroughputCapacityExceeded", verb, "Count",
                    meter.throttled(Cause.STORAGE_PARTITION, verb).sum());
            add(meter, "PerConnectionRequestRateExceeded", verb, "Count", meter.throttled(Cause.CONNECTION, verb).sum());
            add(meter, "SuccessfulRequestCount", verb, "Count", meter.count(Count.SUCCESSES, verb).sum());
            add(meter, "SuccessfulRequestLatency", verb, "Milliseconds",
                    meter.count(Count.LATENCY_MICROS, verb).sum() / MICROS_PER_MILLI);
            add(meter, "UserErrors", verb, "Count", meter.count(Count.USER_ERRORS, verb).sum());
            add(meter, "SystemErrors", verb, "Count", meter.count(Count.SYSTEM_ERRORS, verb).sum());
        }
    }

    private void add(TableMeter meter, String name, Verb verb, String unit, double value) {
        if (value == 0) return;
        List<Map<String, String>> dimensions = new ArrayList<>();
        dimensions.add(dimension("Keyspace", meter.table.keyspace));
        dimensions.add(dimension("TableName", meter.table.table));
        if (verb != null) dimensions.add(dimension("Operation", verb.name()));
        Map<String, Object> metric = new LinkedHashMap<>();
        metric.put("MetricName", name);
        metric.put("Dimensions", dimensions);
        metric.put("Unit", unit);
        metric.put("Value", value);
        found.add(metric);
    }

    private static Map<String, String> dimension(String name, String value) {
        Map<String, String> made = new LinkedHashMap<>();
        made.put("Name", name);
        made.put("Value", value);
        return made;
    }
}
