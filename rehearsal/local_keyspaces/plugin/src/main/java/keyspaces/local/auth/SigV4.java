package keyspaces.local.auth;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The signature with which a client of Amazon Keyspaces answers a nonce.
 *
 * <p>AWS Signature Version 4 over an imagined request, PUT /authenticate, in the form that AWS's authentication plug-ins
 * for the drivers make it: canonical request, string to sign, and key are theirs, byte for byte.
 */
final class SigV4 {
    private static final String ALGORITHM = "AWS4-HMAC-SHA256";
    private static final String SERVICE = "cassandra";
    private static final int EXPIRES_S = 900;

    private SigV4() {}

    /**
     * @param amzDate the time of signing as the client wrote it: yyyy-MM-ddTHH:mm:ss.SSSZ
     * @return the signature in lower-case hexadecimal digits
     */
    static String sign(String nonce, String accessKey, String secret, String region, String amzDate) {
        String day = amzDate.substring(0, 10).replace("-", "");
        String scope = day + "/" + region + "/" + SERVICE + "/aws4_request";
        String query = "X-Amz-Algorithm=" + ALGORITHM
                + "&X-Amz-Credential=" + accessKey + "%2F" + encode(scope)
                + "&X-Amz-Date=" + encode(amzDate)
                + "&X-Amz-Expires=" + EXPIRES_S;
        String request = "PUT\n/authenticate\n" + query + "\nhost:" + SERVICE + "\n\nhost\n" + sha256(nonce);
        String toSign = ALGORITHM + "\n" + amzDate + "\n" + scope + "\n" + sha256(request);
        byte[] key = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);
        for (String part : new String[] {day, region, SERVICE, "aws4_request"}) key = hmac(key, part);
        return HexFormat.of().formatHex(hmac(key, toSign));
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static String sha256(String text) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("this Java has no SHA-256", error);
        }
    }

    private static byte[] hmac(byte[] key, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("this Java has no HmacSHA256", error);
        }
    }
}
