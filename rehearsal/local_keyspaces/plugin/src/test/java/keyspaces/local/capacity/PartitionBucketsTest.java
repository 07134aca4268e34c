package keyspaces.local.capacity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class PartitionBucketsTest {
    private static final long SECOND = 1_000_000_000L;

    @Test
    void aHotPartitionIsRefusedAndOthersAreNot() {
        PartitionBuckets buckets = new PartitionBuckets(0);
        for (int i = 0; i < 1000; i++) assertTrue(buckets.take(7, 1, 1000, 0));
        assertFalse(buckets.take(7, 1, 1000, 0));
        assertTrue(buckets.take(8, 1, 1000, 0));
        // The same place, another partition.
        assertTrue(buckets.take(7 + (1L << 40), 1, 1000, 0));
        assertTrue(buckets.take(7, 1, 1000, SECOND));
    }

    @Test
    void manyPartitionsPassInMemoryThatDoesNotGrow() {
        Random chance = new Random(3);
        PartitionBuckets buckets = new PartitionBuckets(0);
        for (int i = 0; i < 1_000_000; i++) assertTrue(buckets.take(chance.nextLong(), 1, 1000, i * 20_000L));
    }

    @Test
    void aHotPartitionIsFoundAmongManyOthers() {
        Random chance = new Random(4);
        PartitionBuckets buckets = new PartitionBuckets(0);
        int given = 0;
        // Five seconds, 20,000 partitions a second, and every other request for the hot one.
        for (int i = 0; i < 100_000; i++) {
            long now = i * 50_000L;
            buckets.take(chance.nextLong(), 1, 1000, now);
            if (buckets.take(42, 1, 1000, now)) given++;
        }
        assertEquals(6 * 1000, given, 60);
    }
}
