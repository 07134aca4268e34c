package keyspaces.local.paging;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import keyspaces.local.CassandraInternals;
import keyspaces.local.Rule;
import keyspaces.local.capacity.Limit;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.ResultSet;
import org.apache.cassandra.cql3.restrictions.StatementRestrictions;
import org.apache.cassandra.cql3.selection.Selection;
import org.apache.cassandra.cql3.statements.SelectStatement;
import org.apache.cassandra.db.Clustering;
import org.apache.cassandra.db.PartitionRangeReadCommand;
import org.apache.cassandra.db.ReadQuery;
import org.apache.cassandra.db.SinglePartitionReadCommand;
import org.apache.cassandra.db.SinglePartitionReadQuery;
import org.apache.cassandra.db.filter.DataLimits;
import org.apache.cassandra.db.filter.RowFilter;
import org.apache.cassandra.db.partitions.PartitionIterator;
import org.apache.cassandra.service.QueryState;
import org.apache.cassandra.service.pager.PagingState;
import org.apache.cassandra.service.pager.QueryPager;
import org.apache.cassandra.transport.Dispatcher;
import org.apache.cassandra.transport.messages.ResultMessage;

/**
 * Reads whose pages end by what was read, not by what is returned. Source: functional-differences.
 *
 * <p>Rows are read without the statement's filter, counted, and filtered then, so that a page may be short or empty and
 * still have a paging state. The state is Cassandra's own: the last row that was read, and how many rows LIMIT leaves.
 *
 * <p>A SELECT with IN on the partition key is left to Cassandra, which pages it by rows returned.
 */
public final class PagedReads {
    /** At least this many rows are fetched at a time: with 2, a read of one row ends after one fetch. */
    private static final int FIRST_FETCH = 2;

    /** An answer, and what was read for it. */
    public record Read(ResultMessage.Rows answer, long bytes) {}

    private PagedReads() {}

    /** Whether a statement's pages can be made here, whatever is bound. */
    public static boolean isPaged(SelectStatement select) {
        StatementRestrictions restrictions = select.getRestrictions();
        return !restrictions.keyIsInRelation()
                && !restrictions.usesSecondaryIndexing()
                && !select.getSelection().isAggregate()
                && !select.parameters.isDistinct
                && !CassandraInternals.hasPerPartitionLimit(select);
    }

    /** Read one page; null for a query that can't be read here. */
    public static Read read(SelectStatement select, QueryState state, QueryOptions options, Dispatcher.RequestTime time) {
        select.authorize(state.getClientState());
        select.validate(state.getClientState());
        options.getConsistency().validateForRead();
        Selection.Selectors selectors = select.getSelection().newSelectors(options);
        ReadQuery query = select.getQuery(
                options,
                state.getClientState(),
                selectors.getColumnFilter(),
                options.getNowInSeconds(state),
                DataLimits.cqlLimits(DataLimits.NO_LIMIT));
        ReadQuery unfiltered = withoutFilter(query);
        return unfiltered == null
                ? null
                : new Page(select, state, options, time, selectors, unfiltered, query.rowFilter()).read();
    }

    private static ReadQuery withoutFilter(ReadQuery query) {
        if (query instanceof PartitionRangeReadCommand range)
            return PartitionRangeReadCommand.create(
                    range.metadata(), range.nowInSec(), range.columnFilter(), RowFilter.none(), range.limits(),
                    range.dataRange());
        if (query instanceof SinglePartitionReadQuery.Group<?> group
                && group.queries.size() == 1
                && group.queries.get(0) instanceof SinglePartitionReadCommand one)
            return SinglePartitionReadCommand.create(
                    one.metadata(), one.nowInSec(), one.columnFilter(), RowFilter.none(), one.limits(),
                    one.partitionKey(), one.clusteringIndexFilter());
        return null;
    }

    /** One page being read. */
    private static final class Page {
        private final SelectStatement select;
        private final QueryState state;
        private final QueryOptions options;
        private final Dispatcher.RequestTime time;
        private final Selection.Selectors selectors;
        private final ReadQuery query;
        private final RowFilter filter;
        private final ReadBudget budget;
        /** Rows that may yet be returned over all pages. */
        private final int limit;

        private final List<List<ByteBuffer>> rows = new ArrayList<>();

        Page(
                SelectStatement select, QueryState state, QueryOptions options, Dispatcher.RequestTime time,
                Selection.Selectors selectors, ReadQuery query, RowFilter filter) {
            this.select = select;
            this.state = state;
            this.options = options;
            this.time = time;
            this.selectors = selectors;
            this.query = query;
            this.filter = filter;
            boolean limited = options.getPageSize() > 0;
            budget = new ReadBudget(
                    select.table,
                    limited ? options.getPageSize() : Integer.MAX_VALUE,
                    limited && Rule.PAGE_READ_LIMIT.on() ? Limit.PAGE_BYTES.value() : Long.MAX_VALUE);
            limit = options.getPagingState() == null ? select.getLimit(options) : options.getPagingState().remaining;
        }

        Read read() {
            QueryPager pager = query.getPager(resumed(options.getPagingState()), options.getProtocolVersion());
            int fetch = FIRST_FETCH;
            while (!pager.isExhausted() && !budget.usedUp() && rows.size() < limit) {
                fetch(pager, Math.min(fetch, budget.rowsLeft(FIRST_FETCH)));
                fetch = Math.max(fetch, Math.min(fetch * 2, budget.rows() * 2 + FIRST_FETCH));
            }
            boolean more = rows.size() < limit && (budget.usedUp() || !pager.isExhausted());
            // A copy: Cassandra keeps one for all executions of a statement, and the paging state is written into it.
            ResultSet result = new ResultSet(select.getResultMetadata().copy(), rows);
            result.trim(limit);
            if (more) result.metadata.setHasMorePages(stopped());
            return new Read(new ResultMessage.Rows(result), budget.bytes());
        }

        private void fetch(QueryPager pager, int count) {
            try (PartitionIterator read = pager.fetchPage(count, options.getConsistency(), state.getClientState(), time);
                    PartitionIterator limited = budget.limit(read);
                    PartitionIterator wanted = filter.isEmpty()
                            ? limited
                            : filter.filter(limited, select.table, query.nowInSec())) {
                rows.addAll(CassandraInternals.process(
                                select, wanted, options, selectors, query.nowInSec(), state.getClientState())
                        .rows);
            }
        }

        /** The client's state with LIMIT taken out: that counts what is returned, and the pager what is read. */
        private static PagingState resumed(PagingState given) {
            return given == null
                    ? null
                    : new PagingState(given.partitionKey, given.rowMark, Integer.MAX_VALUE, given.remainingInPartition);
        }

        private PagingState stopped() {
            boolean fixed = budget.lastRow().clustering() == Clustering.STATIC_CLUSTERING;
            PagingState.RowMark mark = fixed
                    ? null
                    : PagingState.RowMark.create(select.table, budget.lastRow(), options.getProtocolVersion());
            int left = limit == DataLimits.NO_LIMIT ? limit : limit - rows.size();
            return new PagingState(budget.lastKey().getKey(), mark, left, fixed ? 0 : Integer.MAX_VALUE);
        }
    }
}
