"""The core: what a migration from Cassandra to Amazon Keyspaces is, without Airflow and without Pulumi."""
