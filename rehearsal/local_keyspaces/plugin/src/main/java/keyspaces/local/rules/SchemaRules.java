package keyspaces.local.rules;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import keyspaces.local.CassandraInternals;
import keyspaces.local.Rule;
import keyspaces.local.Violation;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.statements.AuthenticationStatement;
import org.apache.cassandra.cql3.statements.AuthorizationStatement;
import org.apache.cassandra.cql3.statements.schema.AlterSchemaStatement;

/** What a statement on the schema may not say. Source: Developer Guide, quotas, cassandra-apis, cql.elements. */
public final class SchemaRules {
    /** Longest name of a keyspace, table or column. Source: quotas and the service model's patterns. */
    public static final int MAX_NAME = 48;

    private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9_]*");
    private static final Pattern UNSUPPORTED_TYPE = Pattern.compile("\\b(duration|vector)\\b");

    private SchemaRules() {}

    static List<Violation> violations(CQLStatement statement) {
        List<Violation> found = new ArrayList<>();
        if (statement instanceof AuthenticationStatement || statement instanceof AuthorizationStatement)
            found.add(new Violation(
                    Rule.SECURITY_STATEMENT, "Roles, users and permissions are not managed in CQL: use IAM"));
        if (statement instanceof AlterSchemaStatement change) checkNamesAndTypes(change, found);
        return found;
    }

    private static void checkNamesAndTypes(AlterSchemaStatement change, List<Violation> found) {
        switch (change.getClass().getSimpleName()) {
            case "CreateKeyspaceStatement" -> checkName("keyspace", change.keyspace(), found);
            case "CreateTableStatement" -> {
                checkName("table", String.valueOf(CassandraInternals.read(change, "tableName")), found);
                java.util.Map<?, ?> columns = (java.util.Map<?, ?>) CassandraInternals.read(change, "rawColumns");
                columns.forEach((name, properties) ->
                        checkColumn(name, CassandraInternals.read(properties, "rawType"), properties, found));
            }
            case "AddColumns" -> {
                for (Object column : (Iterable<?>) CassandraInternals.read(change, "newColumns"))
                    checkColumn(
                            CassandraInternals.read(column, "name"), CassandraInternals.read(column, "type"), column, found);
            }
            case "CreateTypeStatement" -> {
                for (Object type : (Iterable<?>) CassandraInternals.read(change, "rawFieldTypes"))
                    checkType("field of a type", type, found);
            }
            default -> {}
        }
    }

    private static void checkColumn(Object name, Object type, Object column, List<Violation> found) {
        if (name.toString().length() > MAX_NAME)
            found.add(new Violation(
                    Rule.NAME_LENGTH,
                    "Column name " + name + " has " + name.toString().length() + " characters; at most " + MAX_NAME
                            + " are allowed"));
        checkType("column " + name, type, found);
        if (CassandraInternals.read(column, column.getClass().getSimpleName().equals("Column") ? "mask" : "rawMask") != null)
            found.add(new Violation(Rule.DATA_MASKING, "Dynamic data masking (column " + name + ") is not supported"));
    }

    private static void checkName(String kind, String name, List<Violation> found) {
        if (name.length() > MAX_NAME || !NAME.matcher(name).matches())
            found.add(new Violation(
                    Rule.NAME_LENGTH,
                    "The name of " + kind + " " + name + " is not allowed: at most " + MAX_NAME
                            + " letters, digits and underscores, not beginning with an underscore"));
    }

    private static void checkType(String where, Object type, List<Violation> found) {
        if (UNSUPPORTED_TYPE.matcher(type.toString().toLowerCase(Locale.ROOT)).find())
            found.add(new Violation(Rule.UNSUPPORTED_TYPE, "Type " + type + " (" + where + ") is not supported"));
    }
}
