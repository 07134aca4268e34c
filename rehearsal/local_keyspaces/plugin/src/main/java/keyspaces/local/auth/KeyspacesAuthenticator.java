package keyspaces.local.auth;

import java.net.InetAddress;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.IAuthenticator;
import org.apache.cassandra.auth.IResource;
import org.apache.cassandra.exceptions.AuthenticationException;
import org.apache.cassandra.exceptions.ConfigurationException;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.transport.messages.AuthenticateMessage;

/** Lets clients in by user and password, or by SigV4, as Amazon Keyspaces does: the client's first answer tells which. */
public final class KeyspacesAuthenticator implements IAuthenticator {
    private static final String FILE = "local_keyspaces.credentials";

    private Credentials credentials;

    @Override
    public boolean requireAuthentication() {
        return true;
    }

    @Override
    public Set<? extends IResource> protectedResources() {
        return Set.of();
    }

    @Override
    public void validateConfiguration() {
        if (System.getProperty(FILE) == null)
            throw new ConfigurationException("-D" + FILE + " is missing: the JSON file that says who may log in");
    }

    @Override
    public void setup() {
        credentials = new Credentials(Path.of(System.getProperty(FILE)));
    }

    /** Drivers choose how to log in by this name; the service gives Cassandra's. */
    @Override
    public AuthenticateMessage getAuthenticateMessage(ClientState client) {
        return new AuthenticateMessage("org.apache.cassandra.auth.PasswordAuthenticator");
    }

    @Override
    public SaslNegotiator newSaslNegotiator(InetAddress client) {
        return new Negotiation(credentials, System.getProperty("local_keyspaces.region", "us-east-1"));
    }

    @Override
    public AuthenticatedUser legacyAuthenticate(Map<String, String> given) {
        throw new AuthenticationException("logging in with protocol version 1 is not supported");
    }
}
