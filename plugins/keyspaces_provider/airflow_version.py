"""Which Airflow this package runs on."""

from importlib.metadata import version

from keyspaces_migration.errors import MigrationError

SUPPORTED = "3.3"


class UnsupportedAirflowError(MigrationError):
    """This Airflow is not one that the package was written for and tested on."""


def require_supported_airflow(*, installed: str | None = None) -> None:
    """Refuse to build DAGs on an Airflow whose approvals and task states nobody tested.

    Args:
        installed: the version to judge; the installed apache-airflow-core when left out.

    Raises:
        UnsupportedAirflowError: the version is not 3.3.x.
    """
    found = installed or version("apache-airflow-core")
    if found.split(".")[:2] != SUPPORTED.split("."):
        raise UnsupportedAirflowError(
            f"keyspaces-migration runs on Airflow {SUPPORTED}.x, found {found}. Install apache-airflow {SUPPORTED}.x, "
            f"or a keyspaces-migration made for {found}."
        )
