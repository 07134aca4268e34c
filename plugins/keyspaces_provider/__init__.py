"""Airflow adapters over `keyspaces_migration`: hooks, operators, DAG factory."""

from keyspaces_provider.provider_info import get_provider_info

__all__ = ["get_provider_info"]
