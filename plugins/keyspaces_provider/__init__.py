"""Airflow adapters over `keyspaces_migration`: hooks, operators, DAG factory."""
