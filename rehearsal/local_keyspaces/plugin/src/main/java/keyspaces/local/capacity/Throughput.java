package keyspaces.local.capacity;

import keyspaces.local.Rule;
import keyspaces.local.schema.TableProperties;

/** The read or the write capacity of a table: its own bucket, and one for each partition. */
final class Throughput {
    /** Why a request is throttled; null in its place when it is not. */
    enum Cause {
        TABLE,
        STORAGE_PARTITION,
        CONNECTION
    }

    /** No partition in particular: a request for a range of them. */
    static final long NO_PARTITION = 0;

    private final boolean write;
    private final TokenBucket table;
    private final PartitionBuckets partitions;
    private volatile OnDemandRate onDemand;
    private volatile Settings settings;

    /** What was asked for, and what follows from it. Rates in units a second; provisioned is 0 on demand. */
    private record Settings(TableProperties properties, int version, double provisioned, long start, double depth) {}

    Throughput(boolean write, TableProperties properties, long nowNanos) {
        this.write = write;
        table = new TokenBucket(nowNanos);
        partitions = new PartitionBuckets(nowNanos);
        onDemand = new OnDemandRate(0, nowNanos);
        settings = read(properties);
        // A new table has saved nothing yet.
        double second = rate(settings);
        table.refill(second, second, depth(settings, second), nowNanos);
    }

    /** Take units from the partition and the table, or from neither. */
    Cause take(TableProperties properties, double units, long partition, long nowNanos) {
        Settings now = current(properties, nowNanos);
        double partitionRate = partitionLimit().value();
        if (partition != NO_PARTITION && ruleOfPartition() && !partitions.take(partition, units, partitionRate, nowNanos))
            return Cause.STORAGE_PARTITION;
        double rate = rate(now);
        if (ruleOfTable(now) && !table.take(units, rate, depth(now, rate), nowNanos)) {
            if (partition != NO_PARTITION && ruleOfPartition())
                partitions.charge(partition, -units, partitionRate, nowNanos);
            return Cause.TABLE;
        }
        return null;
    }

    /** Units turned out to be more than were taken (negative: fewer). */
    void charge(TableProperties properties, double units, long partition, long nowNanos) {
        if (units == 0) return;
        table.charge(units, rate(current(properties, nowNanos)), nowNanos);
        if (partition != NO_PARTITION) partitions.charge(partition, units, partitionLimit().value(), nowNanos);
    }

    /** Units were served, which raises what an on-demand table serves later. */
    void served(double units, long nowNanos) {
        if (settings.provisioned == 0) onDemand.served((long) Math.ceil(units), nowNanos);
    }

    /** Units a second that were provisioned; 0 on demand. */
    double provisioned(TableProperties properties, long nowNanos) {
        return current(properties, nowNanos).provisioned;
    }

    private Settings current(TableProperties properties, long nowNanos) {
        Settings now = settings;
        return now.properties == properties && now.version == Limit.version() ? now : change(properties, nowNanos);
    }

    private synchronized Settings change(TableProperties properties, long nowNanos) {
        Settings old = settings;
        if (old.properties == properties && old.version == Limit.version()) return old;
        double oldRate = rate(old);
        double saved = table.available(oldRate, depth(old, oldRate), nowNanos);
        // After provisioned capacity the previous peak is half of it. Source: ReadWriteCapacityMode.OnDemand.
        if (old.provisioned > 0 && !properties.provisioned())
            onDemand = new OnDemandRate((long) (old.provisioned / 2), nowNanos);
        Settings changed = read(properties);
        double rate = rate(changed);
        double depth = depth(changed, rate);
        boolean sameTable = old.properties == properties;
        // Other capacity holds from now on: there is a second's worth of it at least.
        table.refill(Math.min(sameTable ? saved : Math.max(saved, rate), depth), rate, depth, nowNanos);
        settings = changed;
        return changed;
    }

    private Settings read(TableProperties properties) {
        int version = Limit.version();
        double provisioned =
                properties.provisioned() ? (write ? properties.writeUnits() : properties.readUnits()) : 0;
        long warm = write ? properties.warmWriteUnits() : properties.warmReadUnits();
        long start = Math.max(
                warm, (write ? Limit.ON_DEMAND_WRITE_UNITS_PER_S : Limit.ON_DEMAND_READ_UNITS_PER_S).value());
        return new Settings(properties, version, provisioned, start, provisioned * (1 + Limit.BURST_S.value()));
    }

    private double rate(Settings now) {
        return now.provisioned > 0 ? now.provisioned : onDemand.ratePerS(now.start);
    }

    private static double depth(Settings now, double rate) {
        return now.provisioned > 0 ? now.depth : rate;
    }

    private Limit partitionLimit() {
        return write ? Limit.PARTITION_WRITE_UNITS_PER_S : Limit.PARTITION_READ_UNITS_PER_S;
    }

    private boolean ruleOfPartition() {
        return Rule.PARTITION_THROUGHPUT.on();
    }

    private static boolean ruleOfTable(Settings now) {
        return (now.provisioned > 0 ? Rule.TABLE_THROUGHPUT : Rule.ON_DEMAND_THROUGHPUT).on();
    }
}
