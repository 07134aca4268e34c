package keyspaces.local;

import java.util.Arrays;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.cassandra.exceptions.InvalidRequestException;

/**
 * What Amazon Keyspaces refuses and this node therefore refuses too. Each has a switch.
 *
 * <p>The text of each rule, its source and its test stand in rehearsal/local_keyspaces/rules.py, under the same id; a
 * test holds the two lists against each other.
 */
public enum Rule {
    WRITE_CONSISTENCY,
    READ_CONSISTENCY,
    SERIAL_CONSISTENCY,
    BATCH_LOGGED_SIZE,
    BATCH_UNLOGGED_SIZE,
    BATCH_UNLOGGED_CONDITIONAL,
    BATCH_COUNTER,
    IN_SUBQUERIES,
    IN_ONLY_IN_SELECT,
    IN_WITH_TOKEN,
    RANGE_DELETE_ROWS,
    AGGREGATE_FUNCTION,
    GROUP_BY,
    PER_PARTITION_LIMIT,
    SELECT_DISTINCT,
    FUNCTION_UNKNOWN_TO_311,
    CREATE_INDEX,
    DROP_INDEX,
    CREATE_MATERIALIZED_VIEW,
    ALTER_MATERIALIZED_VIEW,
    DROP_MATERIALIZED_VIEW,
    CREATE_TRIGGER,
    DROP_TRIGGER,
    CREATE_FUNCTION,
    DROP_FUNCTION,
    CREATE_AGGREGATE,
    DROP_AGGREGATE,
    ALTER_TYPE,
    TRUNCATE,
    DROP_COLUMN,
    RENAME_COLUMN,
    ALTER_COLUMN_TYPE,
    DATA_MASKING,
    SECURITY_STATEMENT,
    PREPARED_DDL,
    UNSUPPORTED_TYPE,
    NAME_LENGTH,
    COLUMNS_PER_STATEMENT,
    COLUMNS_PER_STATEMENT_TTL,
    ROW_SIZE,
    STATIC_SIZE,
    PARTITION_KEY_SIZE,
    CLUSTERING_KEY_SIZE,
    TIMESTAMP_NEEDS_CST,
    TIMESTAMP_WINDOW,
    WRITETIME_NEEDS_CST,
    TTL_NEEDS_TABLE_SETTING,
    REPLICATION_STRATEGY,
    CUSTOM_PROPERTY_KNOWN,
    CUSTOM_PROPERTY_VALUE,
    ALTER_ONE_PROPERTY,
    CST_NOT_DISABLED,
    TTL_NOT_DISABLED,
    ON_DEMAND_ONCE_A_DAY,
    TABLE_NOT_ACTIVE,
    TABLE_UPDATING,
    KEYSPACE_NOT_ACTIVE,
    TABLE_THROUGHPUT,
    ON_DEMAND_THROUGHPUT,
    PARTITION_THROUGHPUT,
    CONNECTION_REQUEST_RATE,
    PAGE_READ_LIMIT;

    private static final Map<String, Rule> BY_ID =
            Arrays.stream(values()).collect(Collectors.toUnmodifiableMap(Rule::id, Function.identity()));

    private final String id = name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
    private volatile boolean on = true;

    public String id() {
        return id;
    }

    public boolean on() {
        return on;
    }

    public void turn(boolean enforced) {
        on = enforced;
    }

    /** The rule with this id, or null. */
    public static Rule byId(String id) {
        return BY_ID.get(id);
    }

    /** The error that a client gets: {@code message} says what was found and what is allowed. */
    public InvalidRequestException refusal(String message) {
        return new InvalidRequestException(message + " (rule " + id + ")");
    }

    /** Throw {@link #refusal} if this rule is on. */
    public void refuse(String message) {
        if (on) throw refusal(message);
    }
}
