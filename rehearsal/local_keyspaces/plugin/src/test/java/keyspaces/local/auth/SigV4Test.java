package keyspaces.local.auth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

class SigV4Test {
    private static final String NONCE = "91703fdc2ef562e19fbdab0f58e42fe5";

    private static String sign(String secret, String region) {
        return SigV4.sign(NONCE, "UserID-1", secret, region, "2020-06-09T22:41:51.000Z");
    }

    /** The vector that AWS's own plug-ins for the drivers are tested with. */
    @Test
    void theSignatureIsTheOneOfTheClientPlugIns() {
        assertEquals(
                "7f3691c18a81b8ce7457699effbfae5b09b4e0714ab38c1292dbdf082c9ddd87", sign("UserSecretKey-1", "us-west-2"));
    }

    @Test
    void anotherSecretOrRegionGivesAnotherSignature() {
        assertNotEquals(sign("UserSecretKey-1", "us-west-2"), sign("UserSecretKey-2", "us-west-2"));
        assertNotEquals(sign("UserSecretKey-1", "us-west-2"), sign("UserSecretKey-1", "us-east-1"));
    }
}
