"""The programs of the world beside Cassandra: each knows its ports, its start, its health and its end."""
