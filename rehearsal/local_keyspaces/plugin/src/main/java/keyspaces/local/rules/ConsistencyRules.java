package keyspaces.local.rules;

import keyspaces.local.Rule;
import org.apache.cassandra.db.ConsistencyLevel;

/** Which consistency levels are taken. Source: Developer Guide, "Supported consistency levels" (consistency). */
public final class ConsistencyRules {
    private ConsistencyRules() {}

    /** Writes: LOCAL_QUORUM only. */
    public static void checkWrite(ConsistencyLevel level) {
        if (level != ConsistencyLevel.LOCAL_QUORUM) refuse(Rule.WRITE_CONSISTENCY, level, "LOCAL_QUORUM");
    }


    /** Reads: ONE, LOCAL_ONE, LOCAL_QUORUM. */
    public static void checkRead(ConsistencyLevel level) {
        switch (level) {
            case ONE, LOCAL_ONE, LOCAL_QUORUM -> {}
            case SERIAL, LOCAL_SERIAL -> refuse(Rule.SERIAL_CONSISTENCY, level, "ONE, LOCAL_ONE, LOCAL_QUORUM");
            default -> refuse(Rule.READ_CONSISTENCY, level, "ONE, LOCAL_ONE, LOCAL_QUORUM");
        }
    }

    private static void refuse(Rule rule, ConsistencyLevel level, String allowed) {
        if (rule.on())
            throw rule.refusal("Consistency level " + level
                    + " is not supported for this operation. Supported consistency levels are: " + allowed);
    }
}
