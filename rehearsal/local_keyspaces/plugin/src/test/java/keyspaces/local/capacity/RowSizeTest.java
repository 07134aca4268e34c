package keyspaces.local.capacity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class RowSizeTest {
    /** The guide's worked example: five ints, two of the partition key, two clustering, one regular. */
    @Test
    void theExampleOfTheGuideIs31Bytes() {
        RowSize row = new RowSize(5);
        // 31 = 16 + 12 + 3 follows from 2-byte values: integers are counted by their digits, and 1.
        int value = RowSize.integerBytes(42);
        row.partitionKey(value).partitionKey(value);
        assertEquals(16, row.throughputBytes());
        row.clustering(value).clustering(value);
        assertEquals(16 + 12, row.throughputBytes());
        row.regular(value);
        assertEquals(31, row.throughputBytes());
        assertEquals(131, row.storageBytes());
    }

    @Test
    void identifiersGrowWithEvery62Columns() {
        assertEquals(1, RowSize.identifierBytes(1));
        assertEquals(1, RowSize.identifierBytes(62));
        assertEquals(2, RowSize.identifierBytes(63));
        assertEquals(2, RowSize.identifierBytes(124));
        assertEquals(3, RowSize.identifierBytes(125));
        assertEquals(3, RowSize.identifierBytes(186));
        assertEquals(4, RowSize.identifierBytes(187));
        assertThrows(IllegalArgumentException.class, () -> RowSize.identifierBytes(0));
    }

    @Test
    void integersAreCountedByTheirDigits() {
        assertEquals(2, RowSize.integerBytes(0));
        assertEquals(2, RowSize.integerBytes(99));
        assertEquals(3, RowSize.integerBytes(100));
        assertEquals(3, RowSize.integerBytes(-9999));
        assertEquals(11, RowSize.integerBytes(Long.MAX_VALUE));
    }

    @Test
    void collectionsCountEachElement() {
        assertEquals(1 + 3 + 30 + 5, new RowSize(3).collection(5, 30).throughputBytes());
        assertEquals(1 + 3, new RowSize(3).collection(0, 0).throughputBytes());
    }

    @Test
    void timeToLiveCountsTheRowAndEachCell() {
        assertEquals(8 + 2 * 8, new RowSize(3).timeToLive(2).throughputBytes());
    }
}
