package keyspaces.local.capacity;

import static org.apache.cassandra.db.ConsistencyLevel.LOCAL_ONE;
import static org.apache.cassandra.db.ConsistencyLevel.LOCAL_QUORUM;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class UnitsTest {
    @Test
    void aWriteTakesOneForEachKbBegun() {
        assertEquals(1, Units.ofWrite(0));
        assertEquals(1, Units.ofWrite(1024));
        assertEquals(2, Units.ofWrite(1025));
        assertEquals(1024, Units.ofWrite(1 << 20));
    }

    @Test
    void staticDataIsMeteredApart() {
        assertEquals(1 + 2, Units.ofWrite(31, 1500, false, 1));
        assertEquals(2, Units.ofWrite(31, 1500, true, 1));
        assertEquals(2 * 3, Units.ofWrite(31, 1500, false, 2));
    }

    @Test
    void aReadTakesOneForEach4KbBegunAndHalfBelowLocalQuorum() {
        assertEquals(1, Units.ofRead(0, LOCAL_QUORUM));
        assertEquals(1, Units.ofRead(4096, LOCAL_QUORUM));
        assertEquals(2, Units.ofRead(4097, LOCAL_QUORUM));
        assertEquals(1, Units.ofRead(8192, LOCAL_ONE));
        assertEquals(0.5, Units.ofRead(1, LOCAL_ONE));
    }
}
