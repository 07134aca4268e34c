package keyspaces.local.capacity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class TokenBucketTest {
    private static final long SECOND = 1_000_000_000L;
    // As System.nanoTime may be: negative, and passing 0 in the middle.
    private static final long START = -SECOND;

    @Test
    void neverGivesMoreThanItsDepthAndWhatFlowedIn() {
        Random chance = new Random(5);
        for (int round = 0; round < 200; round++) {
            double rate = 1 + chance.nextInt(5000);
            double depth = rate * (1 + chance.nextInt(10));
            TokenBucket bucket = new TokenBucket(START);
            long now = START;
            double given = 0;
            for (int i = 0; i < 2000; i++) {
                now += chance.nextInt(5_000_000);
                double units = 1 + chance.nextInt((int) Math.max(1, depth / 4));
                if (bucket.take(units, rate, depth, now)) given += units;
                double most = depth + rate * (now - START) / SECOND;
                assertTrue(given <= most + 1e-3 * i, given + " of " + most);
            }
        }
    }

    @Test
    void givesAllThatFlowsIn() {
        TokenBucket bucket = new TokenBucket(START);
        int given = 0;
        for (long now = START; now < START + 10 * SECOND; now += 1_000_000) if (bucket.take(1, 50, 50, now)) given++;
        assertEquals(50 + 10 * 50, given, 1);
    }

    @Test
    void givesMoreThanItsDepthOnlyWhenFull() {
        TokenBucket bucket = new TokenBucket(START);
        assertTrue(bucket.take(250, 100, 100, START));
        assertFalse(bucket.take(1, 100, 100, START + SECOND));
        assertTrue(bucket.take(1, 100, 100, START + 2 * SECOND));
    }

    @Test
    void chargesWhatIsNotThere() {
        TokenBucket bucket = new TokenBucket(START);
        bucket.charge(300, 100, START);
        assertEquals(-200, bucket.available(100, 100, START), 1e-6);
        assertFalse(bucket.take(1, 100, 100, START + 2 * SECOND));
        bucket.charge(-100, 100, START + 2 * SECOND);
        assertTrue(bucket.take(1, 100, 100, START + 2 * SECOND));
    }
}
