package keyspaces.local;

import io.netty.channel.group.ChannelGroup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Collection;
import org.apache.cassandra.cql3.Attributes;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.ResultSet;
import org.apache.cassandra.cql3.Term;
import org.apache.cassandra.cql3.restrictions.StatementRestrictions;
import org.apache.cassandra.cql3.selection.Selection;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.cql3.statements.ModificationStatement;
import org.apache.cassandra.cql3.statements.SelectStatement;
import org.apache.cassandra.cql3.statements.StatementType;
import org.apache.cassandra.db.aggregation.AggregationSpecification;
import org.apache.cassandra.db.filter.DataLimits;
import org.apache.cassandra.db.partitions.PartitionIterator;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.NativeTransportService;
import org.apache.cassandra.transport.ProtocolVersion;
import org.apache.cassandra.transport.Server;

/**
 * Every private part of Cassandra that the plug-in reads or sets. Written for Cassandra 5.0.6.
 *
 * <p>All are looked up when the class is loaded, which is when the node starts: with another version the node does not
 * start, and its log names the part that is missing.
 */
public final class CassandraInternals {
    /** The version whose private parts these are. */
    public static final String VERSION = "5.0.6";

    private static final Field MODIFICATION_ATTRIBUTES = field(ModificationStatement.class, "attrs");
    private static final Field BATCH_ATTRIBUTES = field(BatchStatement.class, "attrs");
    private static final Field PARTITION_KEY_RESTRICTIONS =
            field(StatementRestrictions.class, "partitionKeyRestrictions");
    private static final Field PER_PARTITION_LIMIT = field(SelectStatement.class, "perPartitionLimit");
    private static final Field SUPPORTED_VERSIONS = field(ProtocolVersion.class, "SUPPORTED_VERSIONS");
    private static final Field NATIVE_SERVERS = field(NativeTransportService.class, "servers");
    private static final Field CONNECTION_TRACKER = field(Server.class, "connectionTracker");
    private static final Field STATEMENT_TYPE = field(ModificationStatement.class, "type");
    private static final MethodHandle PROCESS = resultProcessing();
    private static final MethodHandle SPECIFIC_OPTIONS = specificOptions();
    private static final MethodHandle SET_TIMESTAMP = timestampSetter();

    private CassandraInternals() {}

    /** {@code USING TIMESTAMP} and {@code USING TTL} of a statement. */
    public static Attributes attributes(ModificationStatement statement) {
        return (Attributes) get(MODIFICATION_ATTRIBUTES, statement);
    }

    /** {@code USING TIMESTAMP} of a batch. */
    public static Attributes attributes(BatchStatement batch) {
        return (Attributes) get(BATCH_ATTRIBUTES, batch);
    }

    /** Whether a SELECT has PER PARTITION LIMIT. */
    public static boolean hasPerPartitionLimit(SelectStatement select) {
        return (Term) get(PER_PARTITION_LIMIT, select) != null;
    }

    /** Cassandra keeps a token() relation beside other relations on the key in a class of its own. */
    public static Object partitionKeyRestrictions(StatementRestrictions restrictions) {
        return get(PARTITION_KEY_RESTRICTIONS, restrictions);
    }

    /** A private field of a class that is itself private to Cassandra, for what is looked at once a statement. */
    public static Object read(Object owner, String name) {
        for (Class<?> type = owner.getClass(); type != null; type = type.getSuperclass()) {
            for (Field found : type.getDeclaredFields()) {
                if (found.getName().equals(name)) {
                    found.setAccessible(true);
                    return get(found, owner);
                }
            }
        }
        throw missing("field " + name + " of " + owner.getClass().getName(), null);
    }

    /**
     * Forget the timestamp that the client's driver put into a request, so that the server's own is taken.
     *
     * <p>The request's options are its own; those that carry no timestamp may be shared, and are not touched.
     */
    public static void forgetTimestamp(QueryOptions options) {
        try {
            Object specific = (Object) SPECIFIC_OPTIONS.invoke(options);
            SET_TIMESTAMP.invoke(specific, Long.MIN_VALUE);
        } catch (Throwable error) {
            throw missing("timestamp of a request", error);
        }
    }

    /** The servers of CQL: one, or two when TLS has a port of its own. */
    @SuppressWarnings("unchecked")
    public static Collection<Server> servers(NativeTransportService service) {
        return (Collection<Server>) get(NATIVE_SERVERS, service);
    }

    /** The open connections of a server. */
    public static ChannelGroup channels(Server server) {
        return ((Server.ConnectionTracker) get(CONNECTION_TRACKER, server)).allChannels;
    }

    /** Whether a write says INSERT, UPDATE or DELETE. */
    public static StatementType type(ModificationStatement statement) {
        return (StatementType) get(STATEMENT_TYPE, statement);
    }

    /** Make the rows of an answer from rows that were read, as a SELECT does, without its limits. */
    public static ResultSet process(
            SelectStatement select, PartitionIterator rows, QueryOptions options, Selection.Selectors selectors,
            long nowInSeconds, ClientState client) {
        try {
            return (ResultSet) PROCESS.invoke(
                    select, rows, options, selectors, nowInSeconds, DataLimits.NO_LIMIT,
                    (AggregationSpecification) null, true, client);
        } catch (RuntimeException | Error error) {
            throw error;
        } catch (Throwable error) {
            throw missing("method process of SelectStatement", error);
        }
    }

    /** Speak protocol versions up to 4 only. A client that asks for a newer one is answered as any old node does. */
    public static void speakVersion4Only() {
        ProtocolVersion[] decoded = (ProtocolVersion[]) get(SUPPORTED_VERSIONS, null);
        for (int i = 0; i < decoded.length; i++) {
            if (decoded[i] != null && decoded[i].isGreaterThan(ProtocolVersion.V4)) {
                ProtocolVersion.SUPPORTED.remove(decoded[i]);
                decoded[i] = null;
            }
        }
    }

    private static MethodHandle specificOptions() {
        try {
            Method found = QueryOptions.class.getDeclaredMethod("getSpecificOptions");
            found.setAccessible(true);
            return MethodHandles.lookup().unreflect(found);
        } catch (ReflectiveOperationException error) {
            throw missing("method getSpecificOptions of QueryOptions", error);
        }
    }

    private static MethodHandle resultProcessing() {
        try {
            Method found = SelectStatement.class.getDeclaredMethod(
                    "process", PartitionIterator.class, QueryOptions.class, Selection.Selectors.class, long.class,
                    int.class, AggregationSpecification.class, boolean.class, ClientState.class);
            found.setAccessible(true);
            return MethodHandles.lookup().unreflect(found);
        } catch (ReflectiveOperationException error) {
            throw missing("method process of SelectStatement", error);
        }
    }

    private static MethodHandle timestampSetter() {
        try {
            return MethodHandles.lookup()
                    .unreflectSetter(field(type("org.apache.cassandra.cql3.QueryOptions$SpecificOptions"), "timestamp"));
        } catch (IllegalAccessException error) {
            throw missing("field timestamp of QueryOptions.SpecificOptions", error);
        }
    }

    private static Class<?> type(String name) {
        try {
            return Class.forName(name);
        } catch (ClassNotFoundException error) {
            throw missing("class " + name, error);
        }
    }

    private static Field field(Class<?> owner, String name) {
        try {
            Field found = owner.getDeclaredField(name);
            found.setAccessible(true);
            return found;
        } catch (NoSuchFieldException error) {
            throw missing("field " + name + " of " + owner.getName(), error);
        }
    }

    private static Object get(Field field, Object owner) {
        try {
            return field.get(owner);
        } catch (IllegalAccessException error) {
            throw missing("field " + field.getName(), error);
        }
    }

    private static IllegalStateException missing(String what, Throwable cause) {
        return new IllegalStateException(
                "local Keyspaces is written for Cassandra " + VERSION + ", and this one has no " + what
                        + ". Run it with the jars that tools/setup.sh fetches.",
                cause);
    }
}
