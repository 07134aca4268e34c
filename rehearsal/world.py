"""The local world as a whole: brought up, watched, taken down."""

from __future__ import annotations

import datetime as dt
import ipaddress
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import psutil

from rehearsal.data.choice import SampleChoice
from rehearsal.home import LOCK, HomeLock, mark_ready, wipe
from rehearsal.load import Load
from rehearsal.ports import require_free
from rehearsal.processes import (
    NO_ANSWER,
    POLL_S,
    ProgramNotHealthyError,
    WorldError,
    end_processes_of,
    processes_of,
    tail,
)
from rehearsal.reporter import Silent
from rehearsal.servers import comparison, connections
from rehearsal.servers.airflow import DAGS, AirflowServer
from rehearsal.servers.application import SampleApplication
from rehearsal.servers.aws import AwsStandIn
from rehearsal.servers.cassandra import WorldNode
from rehearsal.servers.keyspaces import WorldControlPlane, WorldPulumiProvider, WorldTarget
from rehearsal.servers.metrics import MetricsBridge
from rehearsal.servers.snowflake import SnowflakeStandIn
from rehearsal.settings import Component, WorldSettings
from rehearsal.subject import Subject, own_subject, sample_subject
from rehearsal.synthetic.choice import SyntheticChoice

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from rehearsal.load import Choice
    from rehearsal.reporter import Reporter
    from rehearsal.servers.service import Service


OWN_DAGS = "dags"
"""Folder of a copy of the DAG files, in the world's home."""


class WorldOpenError(WorldError):
    """A process of the world can be reached from other machines."""


class World:
    """All parts of a rehearsal under one supervisor: the process that calls `up`.

    Call `up` from the main thread: the kernel ends the parts when the thread that started them ends.
    """

    def __init__(self, settings: WorldSettings, *, reporter: Reporter | None = None) -> None:
        self.settings = settings
        self.home = settings.home.resolve()
        self._reporter = reporter or Silent()
        self._lock = HomeLock(self.home)
        self.subject, dags = self._subject()
        ports, logs = settings.ports, self.home / "logs"
        self.source = WorldNode(role="source", home=self.home, port=ports.source, storage_port=ports.source_storage)
        self.target = WorldTarget(
            home=self.home, port=ports.target, storage_port=ports.target_storage, admin_port=ports.target_admin
        )
        self.snowflake = SnowflakeStandIn(home=self.home, port=ports.snowflake, log=logs / "snowflake.log")
        self.aws = AwsStandIn(home=self.home, port=ports.aws, log=logs / "aws.log")
        self.keyspaces = WorldControlPlane(home=self.home, port=ports.keyspaces, node=self.target)
        self.pulumi_provider = WorldPulumiProvider(home=self.home, port=ports.pulumi_provider)
        self.airflow = AirflowServer(
            home=self.home,
            port=ports.airflow,
            ca_file=self.snowflake.ca_file,
            connections=self.connections(),
            environment=self.pulumi_provider.environment,
            dags=dags,
            migration=self.subject.name,
            own_file=settings.own.as_yaml() if settings.own else None,
        )
        self.application = SampleApplication(
            home=self.home, subject=self.subject, source=self.source, target=self.target, aws=self.aws
        )
        self.metrics = MetricsBridge(home=self.home, node=self.target, aws=self.aws)
        self.data = self._chosen_data()
        self._services = self._chosen()
        self._loads: dict[Component, Load] = {}

    @property
    def services(self) -> dict[Component, Service]:
        """The parts that were chosen, in the order of their start."""
        return dict(self._services)

    def up(self) -> None:
        """Start every part, wait until all answer, and load the sample data where it is not loaded yet.

        Raises:
            WorldHeldError: Another supervisor runs this world.
            PortTakenError: A port is in use.
            ProgramDiedError: A program ended by itself.
            ProgramNotHealthyError: A program did not answer in time.
            WorldOpenError: Something listens on an address that other machines reach.
        """
        self._lock.take()
        try:
            self._prepare()
            for service in self._services.values():
                service.launch()
            self._wait_and_load()
            if {Component.TARGET, Component.AWS} <= self._services.keys():
                self.metrics.start()
            self._put_comparison()
            for service in self._services.values():
                service.after_start()
            require_loopback(self.home)
            mark_ready(self.home, ready=True)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """End every part, the last started first, and whatever else carries the world's mark."""
        with ExitStack() as steps:  # the last pushed goes first, and each goes even if another failed
            steps.callback(self._lock.release)
            steps.callback(self._sweep, "ended a process that was left over")
            for service in self._services.values():
                steps.callback(service.stop)
                steps.callback(self._reporter.working, f"stopping: {service.name}")
            for load in self._loads.values():
                steps.callback(load.stop)
            steps.callback(self.metrics.stop)
            steps.callback(self.application.stop)

    def check(self) -> None:
        """Raise ProgramDiedError when a program of the world has ended by itself."""
        for service in self._services.values():
            service.check()
        self.metrics.check()

    def watch(self) -> None:
        """Stay until interrupted, or until a program ends by itself. Raises ProgramDiedError then."""
        while True:
            self.check()
            time.sleep(0.5)

    def __enter__(self) -> Self:
        """Up."""
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Down."""
        self.down()

    def _chosen(self) -> dict[Component, Service]:
        parts: dict[Component, Service] = {
            Component.SOURCE: self.source,
            Component.TARGET: self.target,
            Component.SNOWFLAKE: self.snowflake,
            Component.AWS: self.aws,
            Component.KEYSPACES: self.keyspaces,
            Component.PULUMI_PROVIDER: self.pulumi_provider,
            Component.AIRFLOW: self.airflow,
        }
        return {component: part for component, part in parts.items() if component in self.settings.components}

    def connections(self) -> list[connections.AirflowConnection]:
        """The connections that an Airflow beside this world needs; they carry secrets."""
        name = self.subject.name
        return [
            connections.source(self.source, migration=name, keyspace=self.subject.migration.source.keyspace),
            connections.target(self.target.contact, migration=name),
            connections.history(self.snowflake, migration=name),
            connections.aws(self.aws, keyspaces_url=self.keyspaces.url, migration=name),
            connections.ledger(self.home, migration=name),
        ]

    def _subject(self) -> tuple[Subject, Path]:
        """What is rehearsed, and the folder of its DAG files."""
        own = self.settings.own
        if own is None:
            return sample_subject(), self.home / OWN_DAGS if self.settings.own_dags else DAGS
        dags = self.home / OWN_DAGS
        return own_subject(own, dags / "migrations" / f"{own.migration.name}.yaml"), dags

    def _chosen_data(self) -> Choice:
        own = self.settings.own
        if own is None:
            return SampleChoice(days=self.settings.days)
        began = dt.datetime.now(tz=dt.UTC).replace(microsecond=0)
        return SyntheticChoice(migration_file=self.subject.file, rows=own.rows, began=began)

    def _put_comparison(self) -> None:
        """Put the comparison Lambda's code, and the secrets of the stores that run, into the AWS stand-in."""
        running = self._services
        if Component.AWS not in running:
            return
        secrets = {}
        if Component.SOURCE in running:
            secrets["source"] = comparison.source(self.source)
        if Component.TARGET in running:
            secrets["target"] = comparison.target(self.target.contact)
        if Component.SNOWFLAKE in running:
            secrets["history"] = comparison.history(self.snowflake)
        comparison.put_code(self.aws)
        comparison.put_secrets(self.aws, secrets, migration=self.subject.name)

    def _prepare(self) -> None:
        mark_ready(self.home, ready=False)
        self._sweep("ended what an earlier run left behind")
        if self.settings.wipe:
            wipe(self.home, keep=frozenset({LOCK}))
            self._reporter.done(f"wiped {self.home}")
        require_free(need for service in self._services.values() for need in service.ports())
        for folder in ("logs", "ledger"):
            (self.home / folder).mkdir(exist_ok=True)

    def _sweep(self, what: str) -> None:
        for line in end_processes_of(self.home):
            self._reporter.done(f"{what}: {line}")

    def _wait_and_load(self) -> None:
        """Wait for all parts at once, and fill the stores as soon as each of them answers."""
        waiting = dict(self._services)
        self._loads = {}
        began = time.monotonic()
        while waiting or self._loads:
            news: list[str] = []
            for component, service in list(waiting.items()):
                missing = self._look(service, waited_s=time.monotonic() - began)
                if missing is None:
                    del waiting[component]
                    self._start_load(component)
                else:
                    news.append(service.name if missing.startswith(NO_ANSWER) else f"{service.name} ({missing})")
            news = ["waiting for " + ", ".join(news)] if news else []
            news += [f"{load.name}: {load.newest_line()}" for load in self._unfinished_loads()]
            self.check()
            self._reporter.working("; ".join(news))
            time.sleep(POLL_S)

    def _look(self, service: Service, *, waited_s: float) -> str | None:
        missing = service.why_not_healthy()
        if missing is None:
            self._reporter.done(f"{service.name} answers")
        elif waited_s > service.start_timeout_s:
            raise ProgramNotHealthyError(
                f"{service.name} is not healthy after {service.start_timeout_s:.0f} s: {missing}. "
                f"The end of {service.log}:\n{tail(service.log)}"
            )
        return missing

    def _start_load(self, component: Component) -> None:
        load = load_of_source(self) if component is Component.SOURCE else None
        load = load_of_history(self) if component is Component.SNOWFLAKE else load
        if load is None:
            return
        if load.is_done():
            self._reporter.done(f"{load.name}: kept from an earlier run")
        else:
            load.launch()
            self._loads[component] = load

    def _unfinished_loads(self) -> list[Load]:
        for component, load in list(self._loads.items()):
            if load.is_finished():
                del self._loads[component]
                self._reporter.done(f"{load.name}: loaded and counted")
        return list(self._loads.values())


def load_of_source(world: World) -> Load:
    """The load of the source node."""
    node = world.source
    return Load(
        store="source",
        world=world.home,
        manifest=node.settings.home / "loaded.json",
        address={"host": node.host, "port": node.port},
        choice=world.data,
    )


def load_of_history(world: World) -> Load:
    """The load of the Snowflake stand-in."""
    stand_in = world.snowflake
    return Load(
        store="history",
        world=world.home,
        manifest=stand_in.folder / "loaded.json",
        address=stand_in.connection(),
        choice=world.data,
        environment={"REQUESTS_CA_BUNDLE": str(stand_in.ca_file)},
    )


def require_loopback(home: Path) -> None:
    """Check that no process of the world listens on an address that other machines reach.

    Raises:
        WorldOpenError: One does; the message names process, address and port.
    """
    found = []
    for process in processes_of(home):
        try:
            listening = [c for c in process.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN]
            name = " ".join(process.cmdline())[:80]
        except psutil.NoSuchProcess:
            continue
        found += [
            f"process {process.pid} ({name}) listens on {connection.laddr.ip}:{connection.laddr.port}"
            for connection in listening
            if not _is_loopback(connection.laddr.ip)
        ]
    if found:
        raise WorldOpenError("the local world must not be reachable from other machines: " + "; ".join(found))


def _is_loopback(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return parsed.is_loopback
