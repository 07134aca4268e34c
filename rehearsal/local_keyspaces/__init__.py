"""Local Keyspaces: a Cassandra node that refuses what Amazon Keyspaces refuses."""
