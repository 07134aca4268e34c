package keyspaces.local.faults;

import java.util.Collection;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;
import keyspaces.local.RequestGate.Operation;
import keyspaces.local.schema.TableState;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.db.WriteType;
import org.apache.cassandra.exceptions.OverloadedException;
import org.apache.cassandra.exceptions.ReadTimeoutException;
import org.apache.cassandra.exceptions.UnavailableException;
import org.apache.cassandra.exceptions.WriteTimeoutException;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.transport.ServerError;

/** The faults that are set. With none set, a request pays for one read of a field. */
public final class Faults {
    private static final int REPLICAS_WAITED_FOR = 2;

    private final CopyOnWriteArrayList<Fault> set = new CopyOnWriteArrayList<>();
    private final AtomicLong ids = new AtomicLong();
    private final DoubleSupplier chance;

    public Faults() {
        this(() -> ThreadLocalRandom.current().nextDouble());
    }

    /** @param chance gives numbers from 0 to below 1, by which a percentage is decided. */
    Faults(DoubleSupplier chance) {
        this.chance = chance;
    }

    /** Set a fault; see {@link Fault} for what may be null. */
    public Fault add(
            Fault.Kind kind, String table, Operation operation, double percentage, long latencyMillis,
            Long aboveToken, Long count, Long expiresNanos) {
        Fault fault = new Fault(
                ids.incrementAndGet(), kind, table, operation, percentage, latencyMillis, aboveToken, count, expiresNanos);
        set.add(fault);
        return fault;
    }

    public Collection<Fault> all() {
        return List.copyOf(set);
    }

    /** Whether there was one of this id. */
    public boolean remove(long id) {
        return set.removeIf(fault -> fault.id == id);
    }

    public void clear() {
        set.clear();
    }

    /**
     * Let happen what is to happen before or after a request is carried out.
     *
     * @param table may be null
     * @param greatestToken of the partitions that a read may touch; asked only where a fault needs it
     */
    public void strike(
            boolean after, TableState table, Operation operation, LongSupplier greatestToken,
            ConsistencyLevel consistency, ClientState client) {
        if (set.isEmpty()) return;
        for (Fault fault : set)
            if (fault.kind.after() == after
                    && fault.strikes(
                            table == null ? null : table.keyspace,
                            table == null ? null : table.table,
                            operation,
                            greatestToken,
                            chance.getAsDouble())) happen(fault, operation, consistency, client);
    }

    private static void happen(Fault fault, Operation operation, ConsistencyLevel consistency, ClientState client) {
        switch (fault.kind) {
            case LATENCY -> delay(fault.latencyMillis);
            case TIMEOUT_BEFORE, TIMEOUT_AFTER -> throw operation == Operation.READ
                    ? new ReadTimeoutException(consistency, 0, REPLICAS_WAITED_FOR, false)
                    : new WriteTimeoutException(WriteType.SIMPLE, consistency, 0, REPLICAS_WAITED_FOR);
            case SERVER_ERROR -> throw new ServerError("injected fault " + fault.id);
            case OVERLOADED -> throw new OverloadedException("injected fault " + fault.id);
            case UNAVAILABLE -> throw UnavailableException.create(consistency, REPLICAS_WAITED_FOR, 0);
            case DROP_CONNECTION_BEFORE, DROP_CONNECTION_AFTER -> {
                ClientConnections.close(client);
                // The answer to a closed connection goes nowhere; this only ends the request.
                throw new ServerError("injected fault " + fault.id + ": connection dropped");
            }
        }
    }

    /** Holds one of the threads that serve requests for so long, as a slow replica would. */
    private static void delay(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new ServerError("the node is stopping");
        }
    }
}
