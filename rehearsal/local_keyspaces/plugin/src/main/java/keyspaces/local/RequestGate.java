package keyspaces.local;

import java.nio.ByteBuffer;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.transport.messages.ResultMessage;

/**
 * What may slow down, charge or refuse a request that breaks no rule: capacity, the rate of a connection, faults.
 *
 * <p>The handler calls these in the order in which they stand here. Refusals are thrown as Cassandra's own exceptions.
 */
public interface RequestGate {
    /** Lets everything pass at no cost. */
    RequestGate OPEN = new RequestGate() {};

    /** A client asks for something that takes {@code requests} requests of its connection's rate (IN takes several). */
    default void connection(ClientState client, int requests, boolean write, ConsistencyLevel consistency) {}

    /** Before a statement is carried out; {@code table} is null for statements on the schema and for none. */
    default void before(CQLStatement statement, TableMetadata table, Operation operation, ConsistencyLevel level) {}

    /** A row is about to be written. {@code rowBytes} and {@code staticBytes} are its documented throughput sizes. */
    default void write(StatementPlan plan, ByteBuffer partitionKey, int rowBytes, int staticBytes, QueryOptions options) {}

    /** A read is about to be done. */
    default void read(StatementPlan plan, QueryOptions options) {}

    /** The options to read with: another page size, for one. */
    default QueryOptions page(StatementPlan plan, QueryOptions options) {
        return options;
    }

    /** The answer is there, and has not been sent: what it cost can be charged, or it can be lost. */
    default ResultMessage after(
            CQLStatement statement, StatementPlan plan, Operation operation, QueryOptions options, ResultMessage answer) {
        return answer;
    }

    /** What kind of request it is. */
    enum Operation {
        READ,
        WRITE,
        DDL
    }
}
