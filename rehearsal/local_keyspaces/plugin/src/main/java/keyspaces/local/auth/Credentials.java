package keyspaces.local.auth;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import org.apache.cassandra.exceptions.AuthenticationException;

/**
 * Who may log in, from a JSON file that is read again when it has changed.
 *
 * <pre>
 * {"access_keys": [{"access_key_id": …, "secret_access_key": …, "session_token": …, "expires_at": "2026-01-31T12:00:00Z"}],
 *  "users": [{"username": …, "password": …}]}
 * </pre>
 */
final class Credentials {
    /** An IAM access key. Session token and expiry (ISO 8601, UTC) are those of temporary credentials, else null. */
    record AccessKey(
            @JsonProperty("access_key_id") String id,
            @JsonProperty("secret_access_key") String secret,
            @JsonProperty("session_token") String sessionToken,
            @JsonProperty("expires_at") String expiresAt) {
        boolean isExpired(Instant now) {
            return expiresAt != null && !now.isBefore(Instant.parse(expiresAt));
        }
    }

    /** Service-specific credentials. */
    record User(@JsonProperty("username") String name, @JsonProperty("password") String password) {}

    private record Content(
            @JsonProperty("access_keys") List<AccessKey> accessKeys, @JsonProperty("users") List<User> users) {}

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path path;
    private Content content;
    private FileTime readAt;
    private long readSize;

    Credentials(Path path) {
        this.path = path;
    }

    AccessKey accessKey(String id) {
        List<AccessKey> keys = current().accessKeys();
        return keys == null ? null : keys.stream().filter(key -> id.equals(key.id())).findFirst().orElse(null);
    }

    User user(String name) {
        List<User> users = current().users();
        return users == null ? null : users.stream().filter(user -> name.equals(user.name())).findFirst().orElse(null);
    }

    /** Throws AuthenticationException when the file can't be read: nobody gets in on what it said before. */
    private synchronized Content current() {
        try {
            FileTime changed = Files.getLastModifiedTime(path);
            long size = Files.size(path);
            if (content == null || !changed.equals(readAt) || size != readSize) {
                Content read = JSON.readValue(path.toFile(), Content.class);
                check(read);
                content = read;
                readAt = changed;
                readSize = size;
            }
            return content;
        } catch (IOException | DateTimeParseException error) {
            throw new AuthenticationException("the credentials in " + path.getFileName() + " can't be read: " + error.getMessage());
        }
    }

    private static void check(Content read) {
        if (read.accessKeys() == null) return;
        for (AccessKey key : read.accessKeys()) key.isExpired(Instant.EPOCH);
    }
}
