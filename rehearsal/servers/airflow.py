"""Airflow's processes, with a home of their own: SQLite, LocalExecutor, this repository's DAGs and plug-ins."""

from __future__ import annotations

import configparser
import contextlib
import datetime as dt
import json
import os
import secrets
import shutil
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

import httpx
import psutil
from cryptography.fernet import Fernet

from keyspaces_migration.ledger import Keyring
from rehearsal.airflow_api import AirflowApi
from rehearsal.certificates import write_ca_bundle
from rehearsal.ports import PortNeed
from rehearsal.processes import (
    NO_ANSWER,
    POLL_S,
    Child,
    Program,
    ProgramDiedError,
    WorldError,
    processes_of,
    tail,
    wait_until,
)
from rehearsal.servers.connections import SAMPLE, AirflowConnection, connection_ids
from rehearsal.servers.service import PROBE_TIMEOUT_S, REPOSITORY, without_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import TextIOWrapper
    from pathlib import Path


GATE_READER = "gate-reader"
"""The user as whom tasks read the answers at approval gates; it may look and nothing else."""

USERS = {"admin": "admin", "alice": "user", "bob": "user", GATE_READER: "viewer"}
"""Role by user. Approvals are recorded under these names."""

NOTIFICATIONS = "notifications"
"""Folder under Airflow's home; the sample's migration file names it."""

DAGS = REPOSITORY / "dags"

TASK_PROCESS_TIMEOUT_S = 30.0
"""How long a task that runs takes at most to give its process its name."""

LOCK_TIMEOUT_S = 20
"""How long a statement waits for SQLite's lock; shorter than the API client's own time-out."""

COMMANDS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
HEARTBEATS = {
    "scheduler": "latest_scheduler_heartbeat",
    "triggerer": "latest_triggerer_heartbeat",
    "dag_processor": "latest_dag_processor_heartbeat",
}


LEDGER_KEYS = "keyspaces_ledger_secret_keys"
"""The Airflow variable in which tasks look for the keys of the ledger."""


def ledger_keyring(world: Path) -> Keyring:
    """The keys of a world's ledger; made at the first call and kept beside it, as no other verify its records."""
    file = world / "ledger-keys.json"
    if not file.exists():
        _write_private(file, Keyring.new("rehearsal").to_json())
    return Keyring.from_json(file.read_text(encoding="utf-8"))


class AirflowServer:
    """The four processes, each in a session of its own.

    Not `airflow standalone`: it opens log servers on every address, and SIGTERM leaves its children behind.
    """

    name = "Airflow"
    start_timeout_s = 480.0

    def __init__(  # noqa: PLR0913 -- all by keyword
        self,
        *,
        home: Path,
        port: int,
        ca_file: Path | None,
        connections: Sequence[AirflowConnection],
        environment: Mapping[str, str] | None = None,
        dags: Path = DAGS,
        migration: str = SAMPLE,
        own_file: str | None = None,
    ) -> None:
        """Store.

        Args:
            home: The world's folder.
            port: The API server's.
            ca_file: Of the authority that the Snowflake stand-in is trusted by.
            connections: The world's.
            environment: More variables of the processes.
            dags: The folder of DAG files; made as a copy of the repository's where it is not there.
            migration: The name of the migration that is rehearsed.
            own_file: Its file's content, which is then the only migration file in `dags`; None leaves the sample's.
        """
        self.world = home
        self.dags = dags
        self._migration_name, self._own_file = migration, own_file
        self.home = home / "airflow"
        self.port = port
        self._ca_file = ca_file
        self._connections = tuple(connections)
        self._environment = dict(environment or {})
        self._migration: Child | None = None
        self._children: dict[str, Child] = {}
        self._launched_at = dt.datetime.min.replace(tzinfo=dt.UTC)

    @property
    def url(self) -> str:
        """Address of the UI and the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def users(self) -> dict[str, str]:
        """Password by user; made at the first start and kept."""
        passwords: dict[str, str] = json.loads(self._passwords_file.read_text(encoding="utf-8"))
        return passwords

    @property
    def notifications(self) -> Path:
        """Where the notifier of the sample's migration file writes its messages."""
        return self.home / NOTIFICATIONS

    @property
    def log(self) -> Path:
        """The API server's log; the other three lie beside it."""
        return self._log_of("api-server")

    def api(self, user: str = "admin") -> AirflowApi:
        """A client of the REST API that acts as `user`."""
        return AirflowApi(url=self.url, user=user, password=self.users[user])

    def has_let_go(self, task_instance_id: str) -> bool:
        """Whether the scheduler knows that a gate's process has ended and left the gate waiting.

        Before that an answer fails the gate: the scheduler then takes the process that ended for the one that the
        answer has asked for, and the gate for killed. No API tells; the scheduler's log does.
        """
        log = self._log_of("scheduler")
        if not log.exists():
            return False
        with log.open(encoding="utf-8", errors="replace") as lines:
            return any(f"ti_id={task_instance_id}," in line and "state=awaiting_input," in line for line in lines)

    def ports(self) -> list[PortNeed]:
        """The API server's; nothing else listens."""
        return [PortNeed(setting="airflow", address="127.0.0.1", port=self.port, wanted_by="Airflow's API server")]

    def launch(self) -> None:
        """Write the configuration, and start the migration of the database if this Airflow has not done it yet."""
        self._children = {}
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.dags.exists():
            shutil.copytree(DAGS, self.dags, ignore=shutil.ignore_patterns("__pycache__"))
        if self._own_file is not None:
            self._write_own_file(self._own_file)
        self._write_passwords()
        self._write_passphrase()
        self._write_configuration()
        write_ca_bundle(self.home / "ca-bundle.pem", own=self._ca_file)
        if not self._migrated.exists():
            self._migration = self._child("db-migrate", ("db", "migrate"))
            self._migration.start()

    def why_not_healthy(self) -> str | None:
        """What is missing, or None. Starts the processes once the database is migrated."""
        if self._migration is not None:
            if (code := self._migration.exit_code()) is None:
                return "migrating its database"
            self._finish_migration(code)
        if not self._children:
            self._start_children()
        self.check()
        return self._why_no_heartbeat()

    def check(self) -> None:
        """Raise ProgramDiedError when one of the processes has ended."""
        for child in self._children.values():
            child.check()

    def after_start(self) -> None:
        """Register the connections, and the ledger's keys: in Airflow's database, where `ps` does not show them."""
        with self.api() as api:
            api.save_connections([each.body() for each in self.all_connections()])
            api.save_variable(
                LEDGER_KEYS,
                ledger_keyring(self.world).to_json(),
                description="Local world: the keys that sign the ledger's records",
            )

    def _write_own_file(self, content: str) -> None:
        """Put the person's own migration in the place of the sample's, in a copy of the DAG files."""
        if self.dags == DAGS:
            raise ValueError("a migration file of one's own goes into a copy of the DAG files, and never among ours")
        folder = self.dags / "migrations"
        for other in folder.iterdir():
            other.unlink()
        (folder / f"{self._migration_name}.yaml").write_text(content, encoding="utf-8")

    def all_connections(self) -> tuple[AirflowConnection, ...]:
        """The world's, and Airflow's to itself."""
        return (*self._connections, self._own_connection())

    def _own_connection(self) -> AirflowConnection:
        return AirflowConnection(
            connection_id=connection_ids(self._migration_name)["airflow"],
            conn_type="http",
            description="Local world: this Airflow's own API, for the verification of approvals",
            host="127.0.0.1",
            port=self.port,
            login=GATE_READER,
            password=self.users[GATE_READER],
        )

    def kill(self, process: str) -> None:
        """End one of the four (`api-server`, `scheduler`, `dag-processor`, `triggerer`) at once, with its children."""
        child = self._children[process]
        children = psutil.Process(child.pid).children(recursive=True)
        child.kill()
        for each in children:  # some lead sessions of their own
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()

    def start_again(self, process: str) -> None:
        """Start one of the four that was killed; return once all four have given a sign of life since.

        Raises:
            ProgramNotHealthyError: They have not in time.
            ProgramDiedError: One has ended.
        """
        self._launched_at = dt.datetime.now(tz=dt.UTC)
        self._children[process].start()
        log = self._log_of(process)
        wait_until(self.why_not_healthy, name=f"Airflow's {process}", log=log, timeout_s=self.start_timeout_s)

    def kill_task(self, task_instance_id: str) -> None:
        """End the process of a task that runs, as the kernel does when memory runs out.

        Raises:
            WorldError: There is none, a while after the task has begun.
        """
        title, deadline = f"airflow worker -- {task_instance_id}", time.monotonic() + TASK_PROCESS_TIMEOUT_S
        while not (running := [each for each in processes_of(self.world) if _title(each) == title]):
            if time.monotonic() > deadline:
                raise WorldError(f"no process is called {title!r}")
            time.sleep(POLL_S)
        for each in running:
            each.kill()

    @contextlib.contextmanager
    def changed_connection(self, connection_id: str, **changed: str | int) -> Iterator[None]:
        """Within it, the connection differs in these fields."""
        (body,) = [each.body() for each in self.all_connections() if each.connection_id == connection_id]
        with self.api() as api:
            api.save_connections([{**body, **changed}])
            try:
                yield
            finally:
                api.save_connections([body])

    def stop(self) -> None:
        """End the processes; the API server last, as the others report to it."""
        children = [child for name in reversed(COMMANDS) if (child := self._children.get(name))]
        for child in children:
            if child is not self._children.get("api-server"):
                child.ask_to_end()
        for child in [*children, *([self._migration] if self._migration else [])]:
            child.stop()
        self._children = {}
        self._migration = None

    def environment(self) -> dict[str, str]:
        """What the processes get, and what a person sets to use `airflow` on this home."""
        return {
            **without_proxy(),
            "AIRFLOW_HOME": str(self.home.resolve()),
            # The connector of Snowflake trusts what requests trusts: the system's authorities and the world's own.
            "REQUESTS_CA_BUNDLE": str((self.home / "ca-bundle.pem").resolve()),
            "SCARF_ANALYTICS": "false",
            "DO_NOT_TRACK": "1",
            # The sample's migration file names the rehearsal's own notifier.
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase_file.resolve()),
            **self._environment,
        }

    @property
    def _passwords_file(self) -> Path:
        return self.home / "passwords.json"

    @property
    def _passphrase_file(self) -> Path:
        return self.world / "pulumi-passphrase"

    @property
    def _migrated(self) -> Path:
        return self.home / f".migrated-{version('apache-airflow-core')}"

    def _log_of(self, process: str) -> Path:
        return self.world / "logs" / f"airflow-{process}.log"

    def _child(self, name: str, arguments: tuple[str, ...]) -> Child:
        return Child(
            Program(
                name=f"Airflow's {name}",
                command=(sys.executable, "-m", "airflow", *arguments),
                log=self._log_of(name),
                home=self.world,
                environment=self.environment(),
                folder=self.home,
                # A person's own settings of Airflow must not reach into the world.
                forget=("AIRFLOW_",),
            )
        )

    def _finish_migration(self, code: int) -> None:
        if code != 0:
            log = self._log_of("db-migrate")
            raise ProgramDiedError(f"`airflow db migrate` failed with exit code {code}. The end of {log}:\n{tail(log)}")
        self._migrated.touch()
        self._migration = None

    def _start_children(self) -> None:
        self._launched_at = dt.datetime.now(tz=dt.UTC)
        self._children = {name: self._child(name, arguments) for name, arguments in COMMANDS.items()}
        for child in self._children.values():
            child.start()

    def _why_no_heartbeat(self) -> str | None:
        url = f"{self.url}/api/v2/monitor/health"
        try:
            response = httpx.get(url, timeout=PROBE_TIMEOUT_S, trust_env=False)
        except httpx.HTTPError as error:
            return f"{NO_ANSWER} its API server ({error})"
        if response.status_code != httpx.codes.OK:
            return f"{url} answered {response.status_code}"
        health = response.json()
        for process, heartbeat in HEARTBEATS.items():
            # A heartbeat of the run before still counts as healthy to Airflow, for half a minute.
            beat = (health.get(process) or {}).get(heartbeat)
            if beat is None or dt.datetime.fromisoformat(beat) < self._launched_at:
                return f"no heartbeat of its {process.replace('_', ' ')} yet"
        return None

    def _write_passwords(self) -> None:
        known = self.users if self._passwords_file.exists() else {}
        _write_private(
            self._passwords_file,
            json.dumps({user: known.get(user) or secrets.token_urlsafe(12) for user in USERS}),
        )

    def _write_passphrase(self) -> None:
        """The passphrase of the stack's secrets; made at the first start and kept, as no other opens the stack."""
        if not self._passphrase_file.exists():
            _write_private(self._passphrase_file, secrets.token_urlsafe(32))

    def _write_configuration(self) -> None:
        """Settings and secrets in one file of the owner's; secrets of an earlier start are kept."""
        path = self.home / "airflow.cfg"
        kept = configparser.ConfigParser(interpolation=None)
        kept.read(path, encoding="utf-8")
        made = configparser.ConfigParser(interpolation=None)
        made.read_dict(self._settings())
        for section, key, fresh in (
            ("core", "fernet_key", Fernet.generate_key().decode()),
            ("api", "secret_key", secrets.token_urlsafe(32)),
            ("api_auth", "jwt_secret", secrets.token_urlsafe(64)),
        ):
            if not made.has_section(section):
                made.add_section(section)
            made.set(section, key, kept.get(section, key, fallback=fresh))
        with _opened_private(path) as stream:
            made.write(stream)

    def _settings(self) -> dict[str, dict[str, str]]:
        home, logs = self.home.resolve(), (self.world / "logs").resolve()
        return {
            "core": {
                "dags_folder": str(self.dags),
                "plugins_folder": str(REPOSITORY / "plugins"),
                "load_examples": "False",
                "executor": "LocalExecutor",
                "parallelism": "4",
                "test_connection": "Enabled",
                "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in USERS.items()),
                "simple_auth_manager_passwords_file": str(self._passwords_file.resolve()),
                "execution_api_server_url": f"{self.url}/execution/",
                "dags_are_paused_at_creation": "True",
            },
            "database": {
                # SQLite has one writer at a time. The driver's own five seconds are too few while the DAGs are parsed.
                "sql_alchemy_conn": f"sqlite:///{home}/airflow.db?timeout={LOCK_TIMEOUT_S}",
                "load_default_connections": "False",
            },
            "logging": {
                "base_log_folder": str(logs / "airflow"),
                "dag_processor_child_process_log_directory": str(logs / "airflow-dag-files"),
            },
            "api": {"host": "127.0.0.1", "port": str(self.port), "base_url": self.url, "workers": "1"},
            "dag_processor": {
                # Reading takes some seconds of a core for each file, and the cores are for the stages. A changed DAG
                # file is read at once, a changed migration file after five minutes, or when the DAG files are touched.
                "refresh_interval": "30",
                "min_file_process_interval": "300",
                "parsing_processes": "1",
            },
            # A task whose machine or scheduler died is found after two minutes and a half, not after ten.
            "scheduler": {
                "enable_health_check": "False",
                "task_instance_heartbeat_timeout": "120",
                "orphaned_tasks_check_interval": "30",
            },
            "keyspaces_migration": {"ledger_conn_ids": connection_ids(self._migration_name)["ledger"]},
            "usage_data_collection": {"enabled": "False"},
        }


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.NoSuchProcess:
        return ""


def _write_private(path: Path, text: str) -> None:
    with _opened_private(path) as stream:
        stream.write(text)


def _opened_private(path: Path) -> TextIOWrapper:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8")
