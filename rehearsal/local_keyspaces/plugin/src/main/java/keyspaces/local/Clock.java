package keyspaces.local;

import java.util.concurrent.TimeUnit;

/** The node's notion of now, for rules about timestamps and days. A test may skew it; the real clock stays as it is. */
public final class Clock {
    private static volatile long skewMicros;

    private Clock() {}

    /** Microseconds since 1970, as in {@code USING TIMESTAMP}. */
    public static long micros() {
        return TimeUnit.MILLISECONDS.toMicros(System.currentTimeMillis()) + skewMicros;
    }

    /** Milliseconds since 1970. */
    public static long millis() {
        return TimeUnit.MICROSECONDS.toMillis(micros());
    }

    /** Let the node believe that it is so much later (negative: earlier). */
    public static void skew(long micros) {
        skewMicros = micros;
    }

    /** How much later than the real clock the node believes it is, in microseconds. */
    public static long skew() {
        return skewMicros;
    }
}
