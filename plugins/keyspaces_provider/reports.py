"""Keeps the reports of a run where people and later stages find them: one folder a run, under the migration's path."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from keyspaces_migration.config import Migration
    from keyspaces_migration.lifecycle import Stage

_NOT_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9._=-]+")


class ReportNotKeptError(MigrationError):
    """The report could not be written to the migration's reports path; the run must not look as if it had one."""


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """The folder of one run's reports.

    Attributes:
        base: The migration's `reports.path`, resolved.
        migration: The migration's name.
        stage: The stage that ran.
        run_id: Airflow's id of the run.
    """

    base: "ObjectStoragePath"
    migration: str
    stage: "Stage"
    run_id: str

    def path_of(self, name: str) -> "ObjectStoragePath":
        """Where the file called `name` of this run is kept. A run id's colons and pluses become dashes."""
        run = _NOT_IN_A_FILE_NAME.sub("-", self.run_id)
        return self.base / self.migration / self.stage.value / run / name

    def write(self, name: str, content: str) -> str:
        """Write `content` as UTF-8 to the file `name` and return its address.

        Raises:
            ReportNotKeptError: the object store refused; the message names the address and what it said.
        """
        path = self.path_of(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        except OSError as error:
            raise ReportNotKeptError(
                f"The report {path} could not be written: {error}. Check that the worker may write to the migration "
                f"file's reports.path, then clear this task."
            ) from error
        return str(path)


def reports_base(migration: "Migration") -> "ObjectStoragePath":
    """Where all reports of `migration` are kept.

    A relative `reports.path` lies under Airflow's home; the migration file allows it in disposable environments alone.
    """
    from airflow.configuration import AIRFLOW_HOME
    from airflow.sdk import ObjectStoragePath

    path = migration.reports.path
    return ObjectStoragePath(f"file://{AIRFLOW_HOME}/{path}" if migration.reports.is_relative else path)


def run_folder(migration: "Migration", *, stage: "Stage", run_id: str) -> RunFolder:
    """The report folder of one run of one stage of `migration`."""
    return RunFolder(base=reports_base(migration), migration=migration.name, stage=stage, run_id=run_id)
