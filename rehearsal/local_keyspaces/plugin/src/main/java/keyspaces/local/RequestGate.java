package keyspaces.local;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.NavigableSet;
import java.util.function.LongSupplier;
import keyspaces.local.capacity.Capacity;
import keyspaces.local.capacity.StoredRow;
import keyspaces.local.capacity.Units;
import keyspaces.local.faults.Faults;
import keyspaces.local.paging.PagedReads;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.cql3.statements.SelectStatement;
import org.apache.cassandra.db.Clustering;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.db.PartitionPosition;
import org.apache.cassandra.db.ReadExecutionController;
import org.apache.cassandra.db.SinglePartitionReadCommand;
import org.apache.cassandra.db.marshal.BooleanType;
import org.apache.cassandra.db.partitions.PartitionIterator;
import org.apache.cassandra.db.rows.RowIterator;
import org.apache.cassandra.dht.AbstractBounds;
import org.apache.cassandra.dht.Token;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.QueryState;
import org.apache.cassandra.transport.Dispatcher;
import org.apache.cassandra.transport.messages.ResultMessage;
import org.apache.cassandra.utils.MurmurHash;

/**
 * What may slow down, charge or refuse a request that breaks no rule: capacity, the rate of a connection, faults.
 *
 * <p>The handler calls these in the order in which they stand here. Refusals are thrown as Cassandra's own exceptions.
 */
public final class RequestGate {
    private static final int BYTES_PER_READ_UNIT = 4096;
    private static final LongSupplier NO_TOKEN = () -> Long.MIN_VALUE;

    private final Capacity capacity;
    private final Faults faults;

    RequestGate(Capacity capacity, Faults faults) {
        this.capacity = capacity;
        this.faults = faults;
    }

    /** A client asks for something that takes {@code requests} requests of its connection's rate (IN takes several). */
    void connection(ClientState client, int requests, StatementPlan plan, ConsistencyLevel consistency) {
        if (capacity.on()) capacity.connection(client, requests, plan.state, plan.verb, consistency);
    }

    /** Before a request is carried out; {@code plan} has no table for statements on the schema. */
    void before(StatementPlan plan, Operation operation, ConsistencyLevel consistency, ClientState client) {
        faults.strike(false, plan.state, operation, NO_TOKEN, consistency, client);
    }

    /** Before a read is carried out. */
    void beforeRead(SelectStatement select, StatementPlan plan, QueryState state, QueryOptions options) {
        ClientState client = state.getClientState();
        LongSupplier token = () -> greatestToken(select, plan, client, options);
        faults.strike(false, plan.state, Operation.READ, token, options.getConsistency(), client);
    }

    /**
     * A statement is about to write. Returns the units that it took.
     *
     * <p>A batch that is throttled half way has taken the units of its first statements, and written nothing.
     *
     * @param rows how many rows it deletes, if it deletes a range; 1 otherwise
     * @param writes underlying writes a row: 2 in a LOGGED batch, 1 otherwise
     */
    int write(
            ModificationStatement write, StatementPlan plan, int rowBytes, int staticBytes, int rows, int writes,
            QueryState state, QueryOptions options) {
        if (!capacity.on()) return 0;
        boolean staticOnly = staticBytes > 0 && !write.updatesRegularRows();
        int units = rows * Units.ofWrite(rowBytes, staticBytes, staticOnly, writes);
        capacity.write(plan.state, plan.verb, units, partition(write, state, options), options.getConsistency());
        return units;
    }

    /** Read one page, and charge what was read; null when capacity and paging are off or leave it to Cassandra. */
    ResultMessage read(
            SelectStatement select, StatementPlan plan, int subqueries, QueryState state, QueryOptions options,
            Dispatcher.RequestTime time) {
        boolean metered = capacity.on();
        if (!metered && !Rule.PAGE_READ_LIMIT.on()) return null;
        ConsistencyLevel consistency = options.getConsistency();
        double least = Units.ofRead(0, consistency) * subqueries;
        long partition = metered ? partition(select, plan, state, options) : 0;
        if (metered) capacity.read(plan.state, least, partition, consistency);
        if (!plan.paged || consistency.isSerialConsistency()) return null;
        PagedReads.Read page = PagedReads.read(select, state, options, time);
        if (page == null) return null;
        if (metered) capacity.correctRead(plan.state, Units.ofRead(page.bytes(), consistency) - least, partition);
        return page.answer();
    }

    /** Charge a read that Cassandra did: what it returned counts, as what it read is not known. */
    void charge(StatementPlan plan, int subqueries, QueryOptions options, ResultMessage answer) {
        if (!capacity.on() || !(answer instanceof ResultMessage.Rows rows)) return;
        long bytes = 0;
        for (List<ByteBuffer> row : rows.result.rows)
            for (ByteBuffer value : row) if (value != null) bytes += value.remaining();
        if (bytes <= BYTES_PER_READ_UNIT) return;
        double least = Units.ofRead(0, options.getConsistency()) * subqueries;
        capacity.correctRead(plan.state, Units.ofRead(bytes, options.getConsistency()) - least, 0);
    }

    /** A conditional write that was not applied takes the units of the row that is there, or 1. */
    void settle(
            ModificationStatement write, StatementPlan plan, int units, QueryState state, QueryOptions options,
            ResultMessage answer) {
        if (units == 0 || !write.hasConditions() || isApplied(answer)) return;
        capacity.conditionFailed(plan.state);
        int found = Units.ofWrite(bytesThere(write, plan, state, options));
        capacity.correctWrite(plan.state, found - units, partition(write, state, options));
    }

    /** A statement was carried out. */
    void succeeded(StatementPlan plan, Dispatcher.RequestTime time) {
        if (plan.state != null && capacity.on()) capacity.succeeded(plan.state, plan.verb, time.startedAtNanos());
    }

    /** The answer is there, and has not been sent: it can be lost. */
    void after(StatementPlan plan, Operation operation, ConsistencyLevel consistency, ClientState client) {
        faults.strike(true, plan.state, operation, NO_TOKEN, consistency, client);
    }

    /** A request was refused or failed. */
    void failed(StatementPlan plan, RuntimeException error) {
        if (plan.state != null && capacity.on()) capacity.failed(plan.state, plan.verb, error);
    }

    private static boolean isApplied(ResultMessage answer) {
        return !(answer instanceof ResultMessage.Rows rows)
                || rows.result.rows.isEmpty()
                || BooleanType.instance.compose(rows.result.rows.get(0).get(0));
    }

    private static int bytesThere(
            ModificationStatement write, StatementPlan plan, QueryState state, QueryOptions options) {
        NavigableSet<Clustering<?>> rows = write.createClustering(options, state.getClientState());
        int bytes = 0;
        for (ByteBuffer key : write.buildPartitionKeyNames(options, state.getClientState())) {
            SinglePartitionReadCommand read = SinglePartitionReadCommand.create(
                    plan.table, state.getNowInSeconds(), plan.table.partitioner.decorateKey(key), rows);
            try (ReadExecutionController controller = read.executionController();
                    PartitionIterator partitions = read.executeInternal(controller)) {
                while (partitions.hasNext())
                    try (RowIterator partition = partitions.next()) {
                        while (partition.hasNext()) bytes += StoredRow.bytes(plan.table, key, partition.next());
                    }
            }
        }
        return bytes;
    }

    private static long partition(ModificationStatement write, QueryState state, QueryOptions options) {
        List<ByteBuffer> keys = write.buildPartitionKeyNames(options, state.getClientState());
        return keys.size() == 1 ? hash(keys.get(0)) : 0;
    }

    private static long partition(SelectStatement select, StatementPlan plan, QueryState state, QueryOptions options) {
        if (plan.partitionIn || select.getRestrictions().isKeyRange()) return 0;
        List<ByteBuffer> keys = select.getRestrictions().getPartitionKeys(options, state.getClientState());
        return keys.size() == 1 ? hash(keys.get(0)) : 0;
    }

    /** The greatest token of what a read may touch; the ring's last for a range that is open above. */
    private static long greatestToken(
            SelectStatement select, StatementPlan plan, ClientState client, QueryOptions options) {
        if (!select.getRestrictions().isKeyRange())
            return select.getRestrictions().getPartitionKeys(options, client).stream()
                    .mapToLong(key -> (long) plan.table.partitioner.getToken(key).getTokenValue())
                    .max()
                    .orElse(Long.MIN_VALUE);
        AbstractBounds<PartitionPosition> range = select.getRestrictions().getPartitionKeyBounds(options);
        if (range == null) return Long.MIN_VALUE;
        Token last = range.right.getToken();
        return last.isMinimum() ? Long.MAX_VALUE : (long) last.getTokenValue();
    }

    /** Never 0, which stands for no partition in particular. */
    private static long hash(ByteBuffer key) {
        long hash = MurmurHash.hash2_64(key, key.position(), key.remaining(), 0);
        return hash == 0 ? 1 : hash;
    }

    /** What kind of request it is. */
    public enum Operation {
        READ,
        WRITE,
        DDL
    }
}
