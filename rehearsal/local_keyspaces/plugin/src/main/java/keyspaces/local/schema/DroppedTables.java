package keyspaces.local.schema;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.cassandra.cql3.ColumnIdentifier;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.service.StorageService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Drops the tables whose DELETING is over, also those that a restart came between. */
public final class DroppedTables {
    private static final Logger LOG = LoggerFactory.getLogger(DroppedTables.class);
    private static final long PERIOD_MILLIS = 50;

    private final TableStates tables;

    public DroppedTables(TableStates tables) {
        this.tables = tables;
    }

    public void start() {
        ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "local-keyspaces-ddl");
            thread.setDaemon(true);
            return thread;
        });
        timer.scheduleWithFixedDelay(this::dropDue, PERIOD_MILLIS, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
    }

    private void dropDue() {
        if (!StorageService.instance.isInitialized()) return;
        for (TableMetadata table : tables.dueForDrop()) drop(table);
    }

    private void drop(TableMetadata table) {
        String name = ColumnIdentifier.maybeQuote(table.keyspace) + "." + ColumnIdentifier.maybeQuote(table.name);
        try {
            QueryProcessor.process("DROP TABLE IF EXISTS " + name, ConsistencyLevel.ONE);
            tables.dropped(table);
        } catch (RuntimeException error) {
            // A periodic task that throws is never run again.
            LOG.error("can't drop {}; trying again", name, error);
        }
    }
}
