"""Amazon Keyspaces' control plane on loopback: the AWS `keyspaces` API over a real Cassandra node."""
