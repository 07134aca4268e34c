package keyspaces.local;

import keyspaces.local.rules.WriteSize;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.QueryState;
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

    /**
     * A row is about to be written. {@code batch} is the kind of the batch that it is part of, or null.
     *
     * <p>Its partition is {@code write.buildPartitionKeyNames(options, state.getClientState())}, which costs something.
     */
    default void write(
            ModificationStatement write,
            StatementPlan plan,
            WriteSize.Sizes sizes,
            BatchStatement.Type batch,
            QueryState state,
            QueryOptions options) {}

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

    /** The request was refused or failed, by us, by this gate or by Cassandra; {@code plan} may be a batch's. */
    default void failed(StatementPlan plan, Operation operation, RuntimeException error) {}

    /** What kind of request it is. */
    enum Operation {
        READ,
        WRITE,
        DDL
    }
}
