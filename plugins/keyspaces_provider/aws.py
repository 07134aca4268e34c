"""The AWS API through Airflow's connections."""

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from keyspaces_provider.hooks.extras import ConnectionFieldsError


def require_aws_connection(conn_id: str) -> None:
    """Refuse an id that Airflow does not have: AwsBaseHook only warns, and takes the machine's own credentials.

    Raises:
        ConnectionFieldsError: There is no connection of that id.
    """
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise ConnectionFieldsError(
            f"Airflow has no connection {conn_id!r}. Create it with type Amazon Web Services, or correct the task's "
            "aws_conn_id."
        ) from error


def keyspaces_client(conn_id: str, *, region: str) -> Any:  # noqa: ANN401 - boto3's clients have no types
    """Return boto3's client of the service `keyspaces`.

    Raises:
        ConnectionFieldsError: There is no connection of that id.
    """
    from keyspaces_provider.account import account_client

    require_aws_connection(conn_id)
    return account_client("keyspaces", aws_conn_id=conn_id, region=region, roles=())
