package keyspaces.local.mcs;

import java.util.List;
import java.util.Optional;
import keyspaces.local.Clock;
import keyspaces.local.LocalKeyspaces;
import keyspaces.local.Rule;
import org.apache.cassandra.db.marshal.AbstractType;
import org.apache.cassandra.db.marshal.BooleanType;
import org.apache.cassandra.db.marshal.LongType;
import org.apache.cassandra.db.marshal.UTF8Type;
import org.apache.cassandra.db.virtual.AbstractMutableVirtualTable;
import org.apache.cassandra.db.virtual.SimpleDataSet;
import org.apache.cassandra.db.virtual.VirtualKeyspace;
import org.apache.cassandra.db.virtual.VirtualKeyspaceRegistry;
import org.apache.cassandra.dht.LocalPartitioner;
import org.apache.cassandra.exceptions.InvalidRequestException;
import org.apache.cassandra.schema.TableMetadata;

/**
 * The keyspace local_keyspaces, which Amazon's service does not have: rules and settings to read and to change in CQL.
 *
 * <p>{@code UPDATE local_keyspaces.rules SET enforced = false WHERE id = 'row-size'} turns a rule off;
 * {@code UPDATE local_keyspaces.settings SET value = 2000 WHERE name = 'ddl_delay_ms'} slows changes of the schema.
 */
public final class LocalTables {
    static final String KEYSPACE = "local_keyspaces";

    private LocalTables() {}

    public static void register(LocalKeyspaces node) {
        VirtualKeyspaceRegistry.instance.register(new VirtualKeyspace(KEYSPACE, List.of(new Rules(), new Settings(node))));
    }

    private static TableMetadata table(String name, String key, String column, AbstractType<?> type) {
        return TableMetadata.builder(KEYSPACE, name)
                .kind(TableMetadata.Kind.VIRTUAL)
                .partitioner(new LocalPartitioner(UTF8Type.instance))
                .addPartitionKeyColumn(key, UTF8Type.instance)
                .addRegularColumn(column, type)
                .build();
    }

    private static final class Rules extends AbstractMutableVirtualTable {
        Rules() {
            super(table("rules", "id", "enforced", BooleanType.instance));
        }

        @Override
        public DataSet data() {
            SimpleDataSet rows = new SimpleDataSet(metadata());
            for (Rule rule : Rule.values()) rows.row(rule.id()).column("enforced", rule.on());
            return rows;
        }

        @Override
        protected void applyColumnUpdate(ColumnValues key, ColumnValues clustering, Optional<ColumnValue> column) {
            String id = key.value(0);
            Rule rule = Rule.byId(id);
            if (rule == null)
                throw new InvalidRequestException("no rule " + id + "; SELECT id FROM local_keyspaces.rules lists them");
            column.ifPresent(value -> rule.turn(value.<Boolean>value()));
        }
    }

    private static final class Settings extends AbstractMutableVirtualTable {
        private final LocalKeyspaces node;

        Settings(LocalKeyspaces node) {
            super(table("settings", "name", "value", LongType.instance));
            this.node = node;
        }

        @Override
        public DataSet data() {
            return new SimpleDataSet(metadata())
                    .row("ddl_delay_ms").column("value", node.ddl().delayMillis())
                    .row("ddl_frozen").column("value", node.ddl().frozen() ? 1L : 0L)
                    .row("clock_skew_us").column("value", Clock.skew());
        }

        @Override
        protected void applyColumnUpdate(ColumnValues key, ColumnValues clustering, Optional<ColumnValue> column) {
            if (column.isEmpty()) return;
            long value = column.get().<Long>value();
            String name = key.value(0);
            switch (name) {
                case "ddl_delay_ms" -> {
                    if (value < 0) throw new InvalidRequestException("ddl_delay_ms is " + value + "; it must be 0 or more");
                    node.ddl().delay(value);
                }
                case "ddl_frozen" -> node.ddl().freeze(value != 0);
                case "clock_skew_us" -> Clock.skew(value);
                default -> throw new InvalidRequestException(
                        "no setting " + name + "; there are ddl_delay_ms, ddl_frozen and clock_skew_us");
            }
        }
    }
}
