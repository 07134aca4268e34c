package keyspaces.local;

import com.google.common.collect.MapMaker;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import keyspaces.local.RequestGate.Operation;
import keyspaces.local.dialect.DdlDialect;
import keyspaces.local.dialect.DialectOptions;
import keyspaces.local.rules.ConsistencyRules;
import keyspaces.local.rules.ModificationRules;
import keyspaces.local.rules.RangeDeletes;
import keyspaces.local.rules.SelectRules;
import keyspaces.local.rules.WriteSize;
import org.apache.cassandra.cql3.BatchQueryOptions;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.QueryHandler;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.cql3.statements.SelectStatement;
import org.apache.cassandra.cql3.statements.schema.AlterSchemaStatement;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.QueryState;
import org.apache.cassandra.transport.Dispatcher;
import org.apache.cassandra.transport.messages.ResultMessage;
import org.apache.cassandra.utils.MD5Digest;

/**
 * The entrance: every request of a client passes here before Cassandra's own query processor sees it.
 *
 * <p>Loaded with {@code -Dcassandra.custom_query_handler_class=keyspaces.local.LocalKeyspacesQueryHandler}. Cassandra's
 * internal queries do not come this way.
 */
public final class LocalKeyspacesQueryHandler implements QueryHandler {
    private final QueryProcessor cassandra = QueryProcessor.instance;
    private final LocalKeyspaces node = LocalKeyspaces.start();
    private final RequestGate gate = node.gate();
    /** By identity; a statement that Cassandra has forgotten takes its plan along. */
    private final Map<CQLStatement, StatementPlan> plans = new MapMaker().weakKeys().makeMap();

    @Override
    public CQLStatement parse(String query, QueryState state, QueryOptions options) {
        DdlDialect.Translated translated = DdlDialect.translate(query);
        if (translated == null) return cassandra.parse(query, state, options);
        CQLStatement statement = cassandra.parse(translated.cql(), state, options);
        plans.put(statement, new StatementPlan(statement, node.tables(), translated.options()));
        return statement;
    }

    @Override
    public ResultMessage process(
            CQLStatement statement,
            QueryState state,
            QueryOptions options,
            Map<String, ByteBuffer> payload,
            Dispatcher.RequestTime requestTime) {
        // With a wrong number of values Cassandra refuses the request itself, with its own words.
        if (options.getValues().size() != statement.getBindVariables().size())
            return cassandra.process(statement, state, options, payload, requestTime);
        options.prepare(statement.getBindVariables());
        return carryOut(false, statement, state, options, payload, requestTime);
    }

    @Override
    public ResultMessage.Prepared prepare(String query, ClientState client, Map<String, ByteBuffer> payload) {
        DdlDialect.Translated translated = DdlDialect.translate(query);
        ResultMessage.Prepared answer =
                cassandra.prepare(translated == null ? query : translated.cql(), client, payload);
        Prepared prepared = cassandra.getPrepared(answer.statementId);
        if (prepared != null) plan(prepared.statement).refusePrepared(prepared.statement);
        return answer;
    }

    @Override
    public Prepared getPrepared(MD5Digest id) {
        return cassandra.getPrepared(id);
    }

    @Override
    public ResultMessage processPrepared(
            CQLStatement statement,
            QueryState state,
            QueryOptions options,
            Map<String, ByteBuffer> payload,
            Dispatcher.RequestTime requestTime) {
        if (options.getValues().size() != statement.getBindVariables().size())
            return cassandra.processPrepared(statement, state, options, payload, requestTime);
        return carryOut(true, statement, state, options, payload, requestTime);
    }

    @Override
    public ResultMessage processBatch(
            BatchStatement batch,
            QueryState state,
            BatchQueryOptions options,
            Map<String, ByteBuffer> payload,
            Dispatcher.RequestTime requestTime) {
        if (batch.getStatements().isEmpty()) return cassandra.processBatch(batch, state, options, payload, requestTime);
        StatementPlan plan = new StatementPlan(batch, node.tables(), DialectOptions.NONE);
        if (plan.exempt) return cassandra.processBatch(batch, state, options, payload, requestTime);
        try {
            admitBatch(batch, plan, state, options);
            ResultMessage answer = cassandra.processBatch(batch, state, options, payload, requestTime);
            succeeded(batch, options.getConsistency(), state, requestTime);
            return answer;
        } catch (RuntimeException error) {
            gate.failed(subject(batch, plan), error);
            throw error;
        }
    }

    private ResultMessage carryOut(
            boolean prepared, CQLStatement statement, QueryState state, QueryOptions options,
            Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        StatementPlan plan = plan(statement);
        if (plan.exempt) return pass(prepared, statement, state, options, payload, time);
        try {
            plan.refuseViolations();
            if (statement instanceof SelectStatement select) return read(prepared, select, plan, state, options, payload, time);
            if (statement instanceof ModificationStatement write) return write(prepared, write, plan, state, options, payload, time);
            if (statement instanceof BatchStatement batch) {
                admitBatch(batch, plan, state, BatchQueryOptions.withoutPerStatementVariables(options));
                ResultMessage answer = pass(prepared, batch, state, options, payload, time);
                succeeded(batch, options.getConsistency(), state, time);
                return answer;
            }
            return changeSchema(statement, plan, state, options, payload, time);
        } catch (RuntimeException error) {
            gate.failed(subject(statement, plan), error);
            throw error;
        }
    }

    private ResultMessage read(
            boolean prepared, SelectStatement select, StatementPlan plan, QueryState state, QueryOptions options,
            Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        ClientState client = state.getClientState();
        ConsistencyLevel consistency = options.getConsistency();
        ConsistencyRules.checkRead(consistency);
        plan.state.requireUsable();
        SelectRules.checkWritetime(plan);
        int subqueries = SelectRules.countSubqueries(select, plan, options, client);
        gate.connection(client, subqueries, plan, consistency);
        gate.beforeRead(select, plan, state, options);
        ResultMessage answer = gate.read(select, plan, subqueries, state, options, time);
        if (answer == null) {
            answer = pass(prepared, select, state, options, payload, time);
            gate.charge(plan, subqueries, options, answer);
        }
        gate.succeeded(plan, time);
        gate.after(plan, Operation.READ, consistency, client);
        return answer;
    }

    private ResultMessage write(
            boolean prepared, ModificationStatement write, StatementPlan plan, QueryState state, QueryOptions options,
            Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        ClientState client = state.getClientState();
        ConsistencyRules.checkWrite(options.getConsistency());
        gate.connection(client, 1, plan, options.getConsistency());
        gate.before(plan, Operation.WRITE, options.getConsistency(), client);
        int units = admitWrite(write, plan, 1, state, options);
        ResultMessage answer = pass(prepared, write, state, options, payload, time);
        gate.settle(write, plan, units, state, options, answer);
        gate.succeeded(plan, time);
        gate.after(plan, Operation.WRITE, options.getConsistency(), client);
        return answer;
    }

    private ResultMessage changeSchema(
            CQLStatement statement, StatementPlan plan, QueryState state, QueryOptions options,
            Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        if (!(statement instanceof AlterSchemaStatement change))
            return cassandra.process(statement, state, options, payload, time);
        gate.before(plan, Operation.DDL, options.getConsistency(), state.getClientState());
        ResultMessage deferred = node.schema().before(change, plan.said);
        ResultMessage answer =
                deferred != null ? deferred : cassandra.process(statement, state, options, payload, time);
        if (deferred == null) node.schema().after(change, plan.said, answer);
        gate.after(plan, Operation.DDL, options.getConsistency(), state.getClientState());
        return answer;
    }

    private ResultMessage pass(
            boolean prepared, CQLStatement statement, QueryState state, QueryOptions options,
            Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        return prepared
                ? cassandra.processPrepared(statement, state, options, payload, time)
                : cassandra.process(statement, state, options, payload, time);
    }

    /** Refuse what Keyspaces refuses, in this order. Returns the write units that were taken. */
    private int admitWrite(
            ModificationStatement write, StatementPlan plan, int writes, QueryState state, QueryOptions options) {
        plan.state.requireUsable();
        ModificationRules.check(write, plan, state, options);
        int rows = RangeDeletes.check(write, plan, state, options);
        WriteSize.Sizes sizes = plan.size.measure(state, options);
        WriteSize.check(plan, sizes);
        int units = gate.write(write, plan, sizes.row(), sizes.staticData(), rows, writes, state, options);
        if (!plan.state.clientSideTimestamps() && !plan.timestamp) forgetTimestamp(state, options);
        return units;
    }

    private void admitBatch(BatchStatement batch, StatementPlan plan, QueryState state, BatchQueryOptions options) {
        plan.refuseViolations();
        ConsistencyRules.checkWrite(options.getConsistency());
        List<ModificationStatement> parts = batch.getStatements();
        if (!parts.isEmpty()) gate.connection(state.getClientState(), 1, plan(parts.get(0)), options.getConsistency());
        for (int i = 0; i < parts.size(); i++) {
            ModificationStatement part = parts.get(i);
            StatementPlan partPlan = plan(part);
            partPlan.refuseViolations();
            QueryOptions own = options.forStatement(i);
            gate.before(partPlan, Operation.WRITE, options.getConsistency(), state.getClientState());
            if (plan.timestamp)
                ModificationRules.checkTimestamp(partPlan, plan.attributes.getTimestamp(own.getTimestamp(state), own));
            admitWrite(part, partPlan, batch.type == BatchStatement.Type.LOGGED ? 2 : 1, state, own);
        }
    }

    private void succeeded(BatchStatement batch, ConsistencyLevel level, QueryState state, Dispatcher.RequestTime time) {
        List<ModificationStatement> parts = batch.getStatements();
        for (int i = 0; i < parts.size(); i++) gate.succeeded(plan(parts.get(i)), time);
        for (int i = 0; i < parts.size(); i++)
            gate.after(plan(parts.get(i)), Operation.WRITE, level, state.getClientState());
    }

    /** The plan whose table a failure is counted for: a batch's first statement stands for it. */
    private StatementPlan subject(CQLStatement statement, StatementPlan plan) {
        return statement instanceof BatchStatement batch && !batch.getStatements().isEmpty()
                ? plan(batch.getStatements().get(0))
                : plan;
    }

    /** Without client-side timestamps a table's writes get the server's time, whatever the driver sent. */
    private static void forgetTimestamp(QueryState state, QueryOptions options) {
        if (options.getTimestamp(state) != state.getTimestamp()) CassandraInternals.forgetTimestamp(options);
    }

    private StatementPlan plan(CQLStatement statement) {
        StatementPlan plan = plans.get(statement);
        if (plan == null) plans.put(statement, plan = new StatementPlan(statement, node.tables(), DialectOptions.NONE));
        return plan;
    }
}
