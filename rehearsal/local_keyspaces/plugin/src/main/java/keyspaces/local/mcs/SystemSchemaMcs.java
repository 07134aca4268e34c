package keyspaces.local.mcs;

import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import keyspaces.local.LocalKeyspaces;
import keyspaces.local.StatementPlan;
import keyspaces.local.schema.TableState;
import org.apache.cassandra.db.marshal.BooleanType;
import org.apache.cassandra.db.marshal.Int32Type;
import org.apache.cassandra.db.marshal.MapType;
import org.apache.cassandra.db.marshal.UTF8Type;
import org.apache.cassandra.db.virtual.AbstractVirtualTable;
import org.apache.cassandra.db.virtual.SimpleDataSet;
import org.apache.cassandra.db.virtual.VirtualKeyspace;
import org.apache.cassandra.db.virtual.VirtualKeyspaceRegistry;
import org.apache.cassandra.dht.LocalPartitioner;
import org.apache.cassandra.schema.ColumnMetadata;
import org.apache.cassandra.schema.KeyspaceMetadata;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableMetadata;

/** The keyspace system_schema_mcs. Source: Developer Guide, "System keyspaces" (working-with-keyspaces). */
public final class SystemSchemaMcs {
    static final String KEYSPACE = "system_schema_mcs";

    private static final MapType<String, String> MEMBERS = MapType.getInstance(UTF8Type.instance, UTF8Type.instance, false);
    private static final MapType<String, Map<String, String>> PROPERTIES =
            MapType.getInstance(UTF8Type.instance, MEMBERS, false);

    private SystemSchemaMcs() {}

    public static void register(LocalKeyspaces node) {
        VirtualKeyspaceRegistry.instance.register(
                new VirtualKeyspace(KEYSPACE, List.of(keyspaces(node), tables(node), columns())));
    }

    private static AbstractVirtualTable.SimpleTable keyspaces(LocalKeyspaces node) {
        TableMetadata shape = table("keyspaces")
                .addRegularColumn("durable_writes", BooleanType.instance)
                .addRegularColumn("replication", MEMBERS)
                .build();
        return new AbstractVirtualTable.SimpleTable(shape, () -> {
            SimpleDataSet rows = new SimpleDataSet(shape);
            for (KeyspaceMetadata keyspace : Schema.instance.distributedKeyspaces())
                if (!StatementPlan.isExempt(keyspace.name) && node.keyspaces().isActive(keyspace.name))
                    rows.row(keyspace.name)
                            .column("durable_writes", true)
                            .column("replication", node.keyspaces().replication(keyspace.name));
            return rows;
        });
    }

    private static AbstractVirtualTable.SimpleTable tables(LocalKeyspaces node) {
        TableMetadata shape = table("tables")
                .addClusteringColumn("table_name", UTF8Type.instance)
                .addRegularColumn("status", UTF8Type.instance)
                .addRegularColumn("default_time_to_live", Int32Type.instance)
                .addRegularColumn("comment", UTF8Type.instance)
                .addRegularColumn("custom_properties", PROPERTIES)
                .build();
        return of(shape, (rows, table) -> {
            TableState state = node.tables().of(table);
            rows.row(table.keyspace, table.name)
                    .column("status", state.status().name())
                    .column("default_time_to_live", table.params.defaultTimeToLive)
                    .column("comment", table.params.comment)
                    .column("custom_properties", state.properties().shown());
        });
    }

    private static AbstractVirtualTable.SimpleTable columns() {
        TableMetadata shape = table("columns")
                .addClusteringColumn("table_name", UTF8Type.instance)
                .addClusteringColumn("column_name", UTF8Type.instance)
                .addRegularColumn("clustering_order", UTF8Type.instance)
                .addRegularColumn("kind", UTF8Type.instance)
                .addRegularColumn("position", Int32Type.instance)
                .addRegularColumn("type", UTF8Type.instance)
                .build();
        return of(shape, (rows, table) -> {
            for (ColumnMetadata column : table.columns())
                rows.row(table.keyspace, table.name, column.name.toString())
                        .column("clustering_order", column.clusteringOrder().name().toLowerCase(java.util.Locale.ROOT))
                        .column("kind", column.kind.name().toLowerCase(java.util.Locale.ROOT))
                        .column("position", column.position())
                        .column("type", column.type.asCQL3Type().toString());
        });
    }

    private static TableMetadata.Builder table(String name) {
        return TableMetadata.builder(KEYSPACE, name)
                .kind(TableMetadata.Kind.VIRTUAL)
                .partitioner(new LocalPartitioner(UTF8Type.instance))
                .addPartitionKeyColumn("keyspace_name", UTF8Type.instance);
    }

    private static AbstractVirtualTable.SimpleTable of(TableMetadata shape, BiConsumer<SimpleDataSet, TableMetadata> fill) {
        return new AbstractVirtualTable.SimpleTable(shape, () -> {
            SimpleDataSet rows = new SimpleDataSet(shape);
            for (KeyspaceMetadata keyspace : Schema.instance.distributedKeyspaces())
                if (!StatementPlan.isExempt(keyspace.name)) keyspace.tables.forEach(table -> fill.accept(rows, table));
            return rows;
        });
    }
}
