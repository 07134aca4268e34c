package keyspaces.local.rules;

import java.util.ArrayList;
import java.util.List;
import keyspaces.local.Rule;
import keyspaces.local.Violation;
import org.apache.cassandra.cql3.statements.BatchStatement;

/** What a batch may not be. Source: Developer Guide, functional differences, "Batch". */
public final class BatchRules {
    public static final int MAX_LOGGED = 100;
    public static final int MAX_UNLOGGED = 30;

    private BatchRules() {}

    static List<Violation> violations(BatchStatement batch) {
        List<Violation> found = new ArrayList<>();
        int size = batch.getStatements().size();
        switch (batch.type) {
            case LOGGED -> {
                if (size > MAX_LOGGED) found.add(tooLarge(Rule.BATCH_LOGGED_SIZE, batch, size, MAX_LOGGED));
            }
            case UNLOGGED -> {
                if (size > MAX_UNLOGGED) found.add(tooLarge(Rule.BATCH_UNLOGGED_SIZE, batch, size, MAX_UNLOGGED));
                if (batch.hasConditions())
                    found.add(new Violation(
                            Rule.BATCH_UNLOGGED_CONDITIONAL, "Conditional statements are not supported in an UNLOGGED batch"));
            }
            case COUNTER -> found.add(new Violation(Rule.BATCH_COUNTER, "COUNTER batches are not supported"));
        }
        return found;
    }

    private static Violation tooLarge(Rule rule, BatchStatement batch, int size, int allowed) {
        return new Violation(
                rule, batch.type + " batch has " + size + " statements; at most " + allowed + " are supported");
    }
}
