"""What a person may choose about a world."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING

from rehearsal.ports import free_ports
from rehearsal.servers.service import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.adapted import Adapted

DEFAULT_HOME = REPOSITORY / ".local-world"


class Component(Enum):
    """The parts of a world."""

    SOURCE = "source"
    TARGET = "target"
    SNOWFLAKE = "snowflake"
    AWS = "aws"
    KEYSPACES = "keyspaces"
    PULUMI_PROVIDER = "pulumi-provider"
    AIRFLOW = "airflow"


@dataclass(frozen=True, kw_only=True)
class WorldPorts:
    """Ports on 127.0.0.1. The defaults stay clear of those that the programs use by themselves."""

    source: int = 19042
    source_storage: int = 17000
    target: int = 19142
    target_storage: int = 17001
    target_admin: int = 19143
    snowflake: int = 18443
    aws: int = 14566
    keyspaces: int = 19170
    pulumi_provider: int = 19171
    airflow: int = 18080

    @classmethod
    def free(cls) -> WorldPorts:
        """Ports that are free now: for tests."""
        names = [field.name for field in fields(cls)]
        return cls(**dict(zip(names, free_ports(len(names)), strict=True)))

    def choose(self, choices: dict[str, int]) -> WorldPorts:
        """These ports with some replaced, named as in messages (`source-storage`).

        Raises:
            ValueError: A name is none of ours.
        """
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        chosen = {name.replace("-", "_"): port for name, port in choices.items()}
        if unknown := sorted(set(chosen) - set(known)):
            allowed = ", ".join(name.replace("_", "-") for name in known)
            raise ValueError(f"no port is called {', '.join(unknown)}; there are {allowed}")
        return WorldPorts(**(known | chosen))


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """A world.

    Attributes:
        home: Folder of everything: data, logs, configuration. One world a folder.
        ports: Ports on 127.0.0.1.
        components: Parts to start.
        wipe: Begin without the data of earlier runs.
        days: Load only the flights of the year's first days; None for the whole year.
        own_dags: Airflow reads a copy of the DAG files in the world's home, which may be edited.
        own: A person's own migration, with made-up data, in the place of the sample's; None for the sample's.
    """

    home: Path = DEFAULT_HOME
    ports: WorldPorts = field(default_factory=WorldPorts)
    components: frozenset[Component] = frozenset(Component)
    wipe: bool = False
    days: int | None = None
    own_dags: bool = False
    own: Adapted | None = None
