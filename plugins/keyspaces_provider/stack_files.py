"""The files of a stack that its tasks share: here while the driver works, and where every worker sees them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from keyspaces_migration.provisioning import BackendMissingError, StackFilesError
from keyspaces_provider.reports import reports_base, run_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import ObjectStoragePath

    from keyspaces_migration.config import Migration
    from keyspaces_provider.run import MigrationRun

STACK_FOLDER = "stack"


@dataclass(frozen=True, kw_only=True)
class StackFiles:
    """What the driver reads and writes for one run of one migration.

    Preview and apply may run on different workers, days apart. The stack's configuration, which holds the salt of its
    secrets, and the run's plan are therefore kept with the run's reports, and fetched before each call.

    Attributes:
        home: Folder of this worker for Pulumi, under Airflow's home.
        migration: What the stack is to hold.
        run: The run's name in a path.
        shared_configuration: Where the stack's configuration is kept for all workers.
        shared_plan: Where the run's plan is kept for all workers.
    """

    home: Path
    migration: "Migration"
    run: str
    shared_configuration: "ObjectStoragePath"
    shared_plan: "ObjectStoragePath"

    @property
    def stack(self) -> str:
        """The stack's name."""
        return stack_name(self.migration)

    @property
    def run_folder(self) -> Path:
        """What belongs to this run alone: the migration as recorded, and what the driver said."""
        return self.home / self.migration.name / "runs" / self.run

    @property
    def plan(self) -> Path:
        """The engine's plan of this run."""
        return self.run_folder / "plan.json"

    @property
    def configuration(self) -> Path:
        """The stack's configuration, in the driver's work directory."""
        return self.home / self.migration.name / "work" / f"Pulumi.{self.stack}.yaml"

    def fetch(self) -> None:
        """Bring this worker's copies up to what all workers share. What nobody has kept yet stays as it is here.

        Raises:
            StackFilesError: the object store refused.
        """
        self.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.configuration.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.run_folder / "migration.json").write_text(self.migration.canonical_json(), encoding="utf-8")
        _copy(self.shared_configuration, self.configuration)
        _copy(self.shared_plan, self.plan)

    def keep(self) -> None:
        """Keep the stack's configuration, once, and the run's plan for all workers.

        Raises:
            StackFilesError: the object store refused, or another worker has made the stack at the same time.
        """
        try:
            if self.configuration.is_file():
                self._keep_configuration(self.configuration.read_bytes())
            if self.plan.is_file():
                self.shared_plan.parent.mkdir(parents=True, exist_ok=True)
                self.shared_plan.write_bytes(self.plan.read_bytes())
        except OSError as error:
            raise StackFilesError(f"The files of stack {self.stack} could not be kept: {error}") from error

    def _keep_configuration(self, content: bytes) -> None:
        shared = self.shared_configuration
        if not shared.exists():
            shared.parent.mkdir(parents=True, exist_ok=True)
            shared.write_bytes(content)
        elif shared.read_bytes() != content:
            raise StackFilesError(
                f"{shared} is not what this worker has as {self.configuration}: the stack's salt was made twice. Where "
                "the stack holds nothing yet, delete both; otherwise keep the one whose encryptionsalt opens the state"
            )

    def options(self, *, environment: "Mapping[str, str]") -> list[str]:
        """The driver's options that say which stack it is and where its files are.

        Raises:
            BackendMissingError: nothing says where Pulumi keeps the state.
        """
        options = {
            "--migration-json": self.run_folder / "migration.json",
            "--stack": self.stack,
            "--work-dir": self.configuration.parent,
            "--pulumi-home": self.home / "home",
            "--backend-url": self._backend(environment),
            "--secrets-provider": self.migration.provisioning.secrets_provider,
        }
        return [str(part) for pair in options.items() for part in pair]

    def _backend(self, environment: "Mapping[str, str]") -> str:
        named = self.migration.provisioning.backend or environment.get("PULUMI_BACKEND_URL")
        if named:
            return named
        if not self.migration.environment.disposable:
            raise BackendMissingError(
                f"Nothing says where Pulumi keeps the state of {self.stack}: name a backend in the migration file "
                "(provisioning.backend, such as s3://bucket/prefix), or give the workers PULUMI_BACKEND_URL. A folder "
                "under Airflow's home, which is lost with the worker, is for disposable environments alone."
            )
        return f"file://{quote(str(self.home / self.migration.name / 'state'))}"


def stack_name(migration: "Migration") -> str:
    """The name of a migration's stack."""
    return f"{migration.name}-{migration.environment.name}"


def stack_files(run: "MigrationRun") -> StackFiles:
    """The files of a run's stack."""
    from airflow.configuration import AIRFLOW_HOME

    migration = run.migration
    shared = reports_base(migration) / migration.name / STACK_FOLDER
    return StackFiles(
        home=Path(AIRFLOW_HOME).resolve() / "pulumi",
        migration=migration,
        run=quote(f"{run.stage.value}-{run.run_id}", safe=""),
        shared_configuration=shared / f"Pulumi.{stack_name(migration)}.yaml",
        shared_plan=run_folder(migration, stage=run.stage, run_id=run.run_id).path_of("plan.json"),
    )


def _copy(shared: "ObjectStoragePath", here: Path) -> None:
    try:
        content = shared.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StackFilesError(f"{shared} could not be read: {error}") from error
    here.write_bytes(content)
