package keyspaces.local.faults;

import io.netty.channel.Channel;
import java.util.Collection;
import keyspaces.local.CassandraInternals;
import org.apache.cassandra.service.CassandraDaemon;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.transport.Server;

/** The sockets of CQL clients. */
final class ClientConnections {
    private ClientConnections() {}

    /** Close a client's connection without an answer, and wait until it is closed. */
    static void close(ClientState client) {
        for (Server server : servers())
            for (Channel channel : CassandraInternals.channels(server))
                if (client.getRemoteAddress().equals(channel.remoteAddress()))
                    channel.close().awaitUninterruptibly();
    }

    private static Collection<Server> servers() {
        return CassandraInternals.servers(CassandraDaemon.getInstanceForTesting().nativeTransportService());
    }
}
