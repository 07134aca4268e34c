package keyspaces.local.capacity;

import org.apache.cassandra.db.ConsistencyLevel;
import org.apache.cassandra.db.WriteType;
import org.apache.cassandra.exceptions.ReadTimeoutException;
import org.apache.cassandra.exceptions.RequestTimeoutException;
import org.apache.cassandra.exceptions.WriteTimeoutException;

/**
 * How Amazon Keyspaces refuses for want of capacity: as a time-out that nobody answered, whatever the cause.
 *
 * <p>Source: troubleshooting.serverless. The stack is left out: a client that is throttled makes thousands a second.
 */
public final class Throttled {
    /** Of three replicas, those that LOCAL_QUORUM waits for. */
    private static final int QUORUM = 2;

    private Throttled() {}

    static RequestTimeoutException refusal(boolean write, ConsistencyLevel consistency) {
        int waitedFor = consistency == ConsistencyLevel.LOCAL_QUORUM ? QUORUM : 1;
        return write ? new Write(consistency, waitedFor) : new Read(consistency, waitedFor);
    }

    /** Whether it is one of these, and no time-out of another origin. */
    public static boolean is(Throwable error) {
        return error instanceof Write || error instanceof Read;
    }

    private static final class Write extends WriteTimeoutException {
        private static final long serialVersionUID = 1;

        Write(ConsistencyLevel consistency, int waitedFor) {
            super(WriteType.SIMPLE, consistency, 0, waitedFor);
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this;
        }
    }

    private static final class Read extends ReadTimeoutException {
        private static final long serialVersionUID = 1;

        Read(ConsistencyLevel consistency, int waitedFor) {
            super(consistency, 0, waitedFor, false);
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this;
        }
    }
}
