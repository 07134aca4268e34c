package keyspaces.local.capacity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class OnDemandRateTest {
    private static final long SECOND = 1_000_000_000L;
    private static final long GROWTH = Limit.ON_DEMAND_GROWTH_S.standard();

    /** So many units a second, for so many seconds. */
    private static long serve(OnDemandRate rate, long units, long from, long seconds) {
        for (long i = from; i < from + seconds; i++)
            for (int part = 0; part < 10; part++) rate.served(units / 10, i * SECOND + part * SECOND / 10);
        return from + seconds;
    }

    @Test
    void servesTwiceThePreviousPeakOnceItsHalfHourIsOver() {
        OnDemandRate rate = new OnDemandRate(0, 0);
        long now = serve(rate, 6000, 0, 10);
        assertEquals(4000, rate.ratePerS(4000), 1);
        now = serve(rate, 10, now, GROWTH);
        assertEquals(12_000, rate.ratePerS(4000), 150);
        serve(rate, 10, now, 2 * GROWTH);
        assertEquals(12_000, rate.ratePerS(4000), 150);
    }

    @Test
    void startsWithWhatANewTableServesAndEndsWithTheTablesQuota() {
        assertEquals(4000, new OnDemandRate(0, 0).ratePerS(4000), 0);
        assertEquals(10_000, new OnDemandRate(5000, 0).ratePerS(4000), 0);
        assertEquals(40_000, new OnDemandRate(500_000, 0).ratePerS(4000), 0);
    }
}
