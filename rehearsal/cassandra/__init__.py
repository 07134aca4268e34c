"""Real Cassandra 5.0 nodes, run from the jars that pom.xml names."""
