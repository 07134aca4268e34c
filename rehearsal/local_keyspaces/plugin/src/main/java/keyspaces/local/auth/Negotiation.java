package keyspaces.local.auth;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.IAuthenticator;
import org.apache.cassandra.exceptions.AuthenticationException;

/** One client that logs in. Either {@code \0user\0password}, or {@code SigV4\0\0}, a nonce, and its signature. */
final class Negotiation implements IAuthenticator.SaslNegotiator {
    private static final byte[] SIGV4 = "SigV4\0\0".getBytes(StandardCharsets.UTF_8);
    private static final Duration VALID = Duration.ofSeconds(900);
    private static final int NONCE_BYTES = 16;
    private static final SecureRandom RANDOM = new SecureRandom();

    private final Credentials credentials;
    private final String region;
    private String nonce;
    private AuthenticatedUser user;

    Negotiation(Credentials credentials, String region) {
        this.credentials = credentials;
        this.region = region;
    }

    @Override
    public byte[] evaluateResponse(byte[] response) {
        if (nonce != null) {
            user = new AuthenticatedUser(checkSignature(new String(response, StandardCharsets.UTF_8)));
            return null;
        }
        if (Arrays.equals(response, SIGV4)) {
            byte[] random = new byte[NONCE_BYTES];
            RANDOM.nextBytes(random);
            nonce = HexFormat.of().formatHex(random);
            return ("nonce=" + nonce).getBytes(StandardCharsets.UTF_8);
        }
        user = new AuthenticatedUser(checkPassword(response));
        return null;
    }

    @Override
    public boolean isComplete() {
        return user != null;
    }

    @Override
    public AuthenticatedUser getAuthenticatedUser() {
        if (user == null) throw new AuthenticationException("the client has not finished logging in");
        return user;
    }

    private String checkPassword(byte[] response) {
        String[] parts = new String(response, StandardCharsets.UTF_8).split("\0", -1);
        if (parts.length != 3)
            throw new AuthenticationException("neither user and password (SASL PLAIN) nor SigV4 was given");
        Credentials.User found = credentials.user(parts[1]);
        if (found == null || !same(found.password(), parts[2]))
            throw new AuthenticationException("Provided username " + parts[1] + " and/or password are incorrect");
        return found.name();
    }

    private String checkSignature(String response) {
        Map<String, String> given = new HashMap<>();
        for (String part : response.split(",")) {
            int equals = part.indexOf('=');
            if (equals > 0) given.put(part.substring(0, equals), part.substring(equals + 1));
        }
        for (String name : new String[] {"signature", "access_key", "amzdate"})
            if (!given.containsKey(name)) throw new AuthenticationException("SigV4: the answer has no " + name);
        Credentials.AccessKey key = credentials.accessKey(given.get("access_key"));
        if (key == null) throw new AuthenticationException("SigV4: access key " + given.get("access_key") + " is not known");
        checkTime(given.get("amzdate"));
        checkToken(key, given.get("session_token"));
        String expected = SigV4.sign(nonce, key.id(), key.secret(), region, given.get("amzdate"));
        if (!same(expected, given.get("signature")))
            throw new AuthenticationException(
                    "SigV4: the signature does not match: wrong secret key, or signed for another Region than " + region);
        return key.id();
    }

    private static void checkTime(String amzDate) {
        Instant signed;
        try {
            // The plug-in for Python rounds 999.6 ms to ".1000": only the seconds are read.
            signed = Instant.parse(amzDate.substring(0, 19) + "Z");
        } catch (DateTimeException | IndexOutOfBoundsException error) {
            throw new AuthenticationException("SigV4: amzdate " + amzDate + " is not yyyy-MM-ddTHH:mm:ss.SSSZ");
        }
        if (Duration.between(signed, Instant.now()).abs().compareTo(VALID) > 0)
            throw new AuthenticationException("SigV4: signed at " + amzDate + ", more than " + VALID.toMinutes()
                    + " minutes from now; check the client's clock");
    }

    private static void checkToken(Credentials.AccessKey key, String token) {
        if (key.isExpired(Instant.now()))
            throw new AuthenticationException("SigV4: the security token expired at " + key.expiresAt());
        if (key.sessionToken() == null ? token != null : !same(key.sessionToken(), token))
            throw new AuthenticationException("SigV4: the session token is not the one of access key " + key.id());
    }

    private static boolean same(String expected, String given) {
        return given != null
                && MessageDigest.isEqual(
                        expected.getBytes(StandardCharsets.UTF_8), given.getBytes(StandardCharsets.UTF_8));
    }
}
