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
        StatementPlan plan = plan(statement);
        try {
            QueryOptions admitted = admit(statement, plan, state, options);
            ResultMessage answer = statement instanceof AlterSchemaStatement change && !plan.exempt
                    ? change(change, plan, state, options, payload, requestTime)
                    : cassandra.process(statement, state, admitted, payload, requestTime);
            return plan.exempt ? answer : gate.after(statement, plan, operation(statement), options, answer);
        } catch (RuntimeException error) {
            throw failed(plan, operation(statement), error);
        }
    }

    private ResultMessage change(
            AlterSchemaStatement change,
            StatementPlan plan,
            QueryState state,
            QueryOptions options,
            Map<String, ByteBuffer> payload,
            Dispatcher.RequestTime requestTime) {
        ResultMessage deferred = node.schema().before(change, plan.said);
        if (deferred != null) return deferred;
        ResultMessage answer = cassandra.process(change, state, options, payload, requestTime);
        node.schema().after(change, plan.said, answer);
        return answer;
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
        StatementPlan plan = plan(statement);
        try {
            QueryOptions admitted = admit(statement, plan, state, options);
            ResultMessage answer = cassandra.processPrepared(statement, state, admitted, payload, requestTime);
            return plan.exempt ? answer : gate.after(statement, plan, operation(statement), options, answer);
        } catch (RuntimeException error) {
            throw failed(plan, operation(statement), error);
        }
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
        try {
            if (!plan.exempt) admitBatch(batch, plan, state, options);
            ResultMessage answer = cassandra.processBatch(batch, state, options, payload, requestTime);
            return plan.exempt ? answer : gate.after(batch, plan, Operation.WRITE, options.forStatement(0), answer);
        } catch (RuntimeException error) {
            throw failed(plan, Operation.WRITE, error);
        }
    }

    private RuntimeException failed(StatementPlan plan, Operation operation, RuntimeException error) {
        if (!plan.exempt) gate.failed(plan, operation, error);
        return error;
    }

    /** Refuse what Keyspaces refuses, in this order; the options to carry on with. */
    private QueryOptions admit(CQLStatement statement, StatementPlan plan, QueryState state, QueryOptions options) {
        if (plan.exempt) return options;
        plan.refuseViolations();
        if (statement instanceof ModificationStatement write) {
            ConsistencyRules.checkWrite(options.getConsistency());
            gate.connection(state.getClientState(), 1, true, options.getConsistency());
            gate.before(statement, plan.table, Operation.WRITE, options.getConsistency());
            admitWrite(write, plan, null, state, options);
        } else if (statement instanceof SelectStatement select) {
            ConsistencyRules.checkRead(options.getConsistency());
            plan.state.requireUsable();
            SelectRules.checkWritetime(plan);
            int subqueries = SelectRules.countSubqueries(select, plan, options, state.getClientState());
            gate.connection(state.getClientState(), subqueries, false, options.getConsistency());
            gate.before(statement, plan.table, Operation.READ, options.getConsistency());
            gate.read(plan, options);
            return gate.page(plan, options);
        } else if (statement instanceof BatchStatement batch) {
            admitBatch(batch, plan, state, BatchQueryOptions.withoutPerStatementVariables(options));
        } else if (statement instanceof AlterSchemaStatement) {
            gate.before(statement, null, Operation.DDL, options.getConsistency());
        }
        return options;
    }

    private void admitWrite(
            ModificationStatement write,
            StatementPlan plan,
            BatchStatement.Type batch,
            QueryState state,
            QueryOptions options) {
        plan.state.requireUsable();
        ModificationRules.check(write, plan, state, options);
        RangeDeletes.check(write, plan, state, options);
        WriteSize.Sizes sizes = plan.size.measure(state, options);
        WriteSize.check(plan, sizes);
        gate.write(write, plan, sizes, batch, state, options);
        if (!plan.state.clientSideTimestamps() && !plan.timestamp) forgetTimestamp(state, options);
    }

    private void admitBatch(BatchStatement batch, StatementPlan plan, QueryState state, BatchQueryOptions options) {
        plan.refuseViolations();
        ConsistencyRules.checkWrite(options.getConsistency());
        gate.connection(state.getClientState(), 1, true, options.getConsistency());
        List<ModificationStatement> parts = batch.getStatements();
        for (int i = 0; i < parts.size(); i++) {
            ModificationStatement part = parts.get(i);
            StatementPlan partPlan = plan(part);
            partPlan.refuseViolations();
            QueryOptions own = options.forStatement(i);
            gate.before(part, partPlan.table, Operation.WRITE, options.getConsistency());
            if (plan.timestamp)
                ModificationRules.checkTimestamp(partPlan, plan.attributes.getTimestamp(own.getTimestamp(state), own));
            admitWrite(part, partPlan, batch.type, state, own);
        }
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

    private static Operation operation(CQLStatement statement) {
        if (statement instanceof SelectStatement) return Operation.READ;
        return statement instanceof ModificationStatement || statement instanceof BatchStatement
                ? Operation.WRITE
                : Operation.DDL;
    }
}
