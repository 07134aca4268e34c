from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOM = Path(__file__).parents[4] / "plugins/keyspaces_migration/dual_write"


def test_the_room_is_imported_without_driver_boto3_or_airflow() -> None:
    """An application that reads the flag only, and a DAG file, should not pay for the driver."""
    modules = [f"keyspaces_migration.dual_write.{file.stem}" for file in ROOM.glob("*.py") if file.stem != "__init__"]
    assert len(modules) > 15
    heavy = "{'cassandra', 'boto3', 'botocore', 'airflow', 'sqlalchemy', 'pulumi'}"
    code = f"import sys, {', '.join(modules)}; print(sorted({heavy} & sys.modules.keys()))"
    environment = {"PYTHONPATH": str(ROOM.parents[1])}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
