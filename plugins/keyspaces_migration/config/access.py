"""The section of the migration file about who may see and start its DAGs."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from keyspaces_migration.config.model import ByName, FileModel
from keyspaces_migration.config.names import AirflowRole
from keyspaces_migration.config.problems import RuleError, Violation


class Right(StrEnum):
    """What a role may do with a migration's DAGs; each includes READ."""

    READ = "READ"
    TRIGGER = "TRIGGER"
    APPROVE = "APPROVE"


def _each_once(rights: tuple[Right, ...]) -> tuple[Right, ...]:
    again = [
        Violation((index,), f"{right.value} again", "each right once")
        for index, right in enumerate(rights)
        if right in rights[:index]
    ]
    if again:
        raise RuleError(again)
    return rights


Rights = Annotated[tuple[Right, ...], Field(min_length=1), AfterValidator(_each_once)]


class Access(FileModel):
    """Who may see and start the migration's DAGs, where Airflow's auth manager knows rights of single DAGs."""

    roles: ByName[AirflowRole, Rights] = Field(default_factory=dict)
    """Rights by role: READ, TRIGGER, APPROVE. Without any, what was given before is taken back."""
