package keyspaces.local.schema;

/** How long asynchronous changes of the schema take. */
public final class DdlStates {
    private volatile long delayMillis;
    private volatile boolean frozen;

    public long delayMillis() {
        return delayMillis;
    }

    /** Let changes that begin from now on take so long. */
    public void delay(long millis) {
        if (millis < 0) throw new IllegalArgumentException("ddl_delay_ms is " + millis + "; it must be 0 or more");
        delayMillis = millis;
    }

    /** While frozen, no change ends. */
    public void freeze(boolean whether) {
        frozen = whether;
    }

    public boolean frozen() {
        return frozen;
    }

    /** Whether a change that begins now goes on for a while. */
    boolean takesTime() {
        return delayMillis > 0 || frozen;
    }

    long end() {
        return System.currentTimeMillis() + delayMillis;
    }

    boolean isOver(long untilMillis) {
        return !frozen && System.currentTimeMillis() >= untilMillis;
    }
}
