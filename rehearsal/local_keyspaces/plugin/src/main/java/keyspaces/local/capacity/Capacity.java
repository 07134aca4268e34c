package keyspaces.local.capacity;

import com.google.common.collect.MapMaker;
import java.util.Collection;
import java.util.concurrent.ConcurrentMap;
import keyspaces.local.Rule;
import keyspaces.local.capacity.TableMeter.Count;
import keyspaces.local.capacity.TableMeter.Verb;
import keyspaces.local.capacity.Throughput.Cause;
import keyspaces.local.schema.TableState;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.exceptions.RequestValidationException;
import org.apache.cassandra.service.ClientState;

/**
 * Meters what is asked of each table, and throttles above what it, a storage partition or a connection may give.
 *
 * <p>Off, it meters and throttles nothing.
 */
public final class Capacity {
    private static final long NANOS_PER_MICRO = 1000;

    /** By identity: a table that is dropped takes its meter along, a connection that is closed its bucket. */
    private final ConcurrentMap<TableState, TableMeter> meters = new MapMaker().weakKeys().makeMap();
    private final ConcurrentMap<ClientState, TokenBucket> connections = new MapMaker().weakKeys().makeMap();
    private volatile boolean on;

    public Capacity(boolean on) {
        this.on = on;
    }

    public boolean on() {
        return on;
    }

    public void turn(boolean enforced) {
        on = enforced;
    }

    Collection<TableMeter> meters() {
        return meters.values();
    }

    /** A connection makes so many requests: an IN makes one for each subquery. */
    public void connection(ClientState client, int requests, TableState table, Verb verb, ConsistencyLevel consistency) {
        if (!Rule.CONNECTION_REQUEST_RATE.on()) return;
        long now = System.nanoTime();
        TokenBucket bucket = connections.get(client);
        if (bucket == null) bucket = connections.computeIfAbsent(client, unknown -> new TokenBucket(now));
        double rate = Limit.CONNECTION_REQUESTS_PER_S.value();
        if (!bucket.take(requests, rate, rate, now)) throttle(meter(table, now), Cause.CONNECTION, verb, consistency);
    }

    /** Write units are needed: they are taken, or the request is throttled. */
    public void write(TableState table, Verb verb, int units, long partition, ConsistencyLevel consistency) {
        long now = System.nanoTime();
        TableMeter meter = meter(table, now);
        Cause cause = meter.writes.take(table.properties(), units, partition, now);
        if (cause != null) throttle(meter, cause, verb, consistency);
        meter.writeUnits.add(units);
        meter.writes.served(units, now);
    }

    /** A write took so many units more than was thought (negative: fewer). */
    public void correctWrite(TableState table, int units, long partition) {
        long now = System.nanoTime();
        TableMeter meter = meter(table, now);
        meter.writes.charge(table.properties(), units, partition, now);
        meter.writeUnits.add(units);
    }

    /** A read is about to be done, of which is known only that it takes {@code units} at least. */
    public void read(TableState table, double units, long partition, ConsistencyLevel consistency) {
        long now = System.nanoTime();
        TableMeter meter = meter(table, now);
        Cause cause = meter.reads.take(table.properties(), units, partition, now);
        if (cause != null) throttle(meter, cause, Verb.SELECT, consistency);
        meter.readHalves.add((long) (2 * units));
        meter.reads.served(units, now);
    }

    /** A read took so many units more than the least that was thought. */
    public void correctRead(TableState table, double units, long partition) {
        if (units <= 0) return;
        long now = System.nanoTime();
        TableMeter meter = meter(table, now);
        meter.reads.charge(table.properties(), units, partition, now);
        meter.readHalves.add((long) (2 * units));
        meter.reads.served(units, now);
    }

    public void conditionFailed(TableState table) {
        meter(table, System.nanoTime()).conditionsFailed.increment();
    }

    public void succeeded(TableState table, Verb verb, long startedAtNanos) {
        long now = System.nanoTime();
        TableMeter meter = meter(table, now);
        meter.count(Count.SUCCESSES, verb).increment();
        meter.count(Count.LATENCY_MICROS, verb).add((now - startedAtNanos) / NANOS_PER_MICRO);
    }

    /** A request failed. Throttled ones have been counted where they were. */
    public void failed(TableState table, Verb verb, Throwable error) {
        if (Throttled.is(error)) return;
        Count what = error instanceof RequestValidationException ? Count.USER_ERRORS : Count.SYSTEM_ERRORS;
        meter(table, System.nanoTime()).count(what, verb).increment();
    }

    private TableMeter meter(TableState table, long now) {
        TableMeter found = meters.get(table);
        return found != null ? found : meters.computeIfAbsent(table, unknown -> new TableMeter(unknown, now));
    }

    private static void throttle(TableMeter meter, Cause cause, Verb verb, ConsistencyLevel consistency) {
        meter.throttled(cause, verb).increment();
        throw Throttled.refusal(verb != Verb.SELECT, consistency);
    }
}
