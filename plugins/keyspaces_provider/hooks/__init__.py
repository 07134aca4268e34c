"""Airflow connections to Cassandra and to Amazon Keyspaces."""
