"""Defines no DAG: raises one Airflow import error that names every problem of every bad migration file.

Stage files skip bad files, so that one bad file takes away its own DAGs alone; see docs/adr/0005.
"""

from pathlib import Path

from keyspaces_provider.stages import raise_for_invalid_files

raise_for_invalid_files(Path(__file__).parent / "migrations")
