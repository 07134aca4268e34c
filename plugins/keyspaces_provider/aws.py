"""The AWS API through Airflow's connections."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from keyspaces_migration.config.addresses import is_loopback
from keyspaces_provider.hooks.extras import ConnectionFieldsError

SESSION_NAME = "keyspaces-migration"


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


def account_client(service: str, *, aws_conn_id: str, region: str, roles: Sequence[str]) -> Any:  # noqa: ANN401 - a client of boto3 has no type of its own
    """boto3's client of a service.

    Args:
        service: AWS's name of it.
        aws_conn_id: Airflow connection of type `aws`.
        region: The Region.
        roles: ARNs of the roles that are assumed, one after the other (`Target.role_chain`). A connection with an
            address for the service that is on loopback is one to a stand-in, which has no roles.

    Raises:
        ClientError: a role can't be assumed.
    """
    import boto3
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook: Any = AwsBaseHook(aws_conn_id=aws_conn_id, client_type=service, region_name=region)
    endpoint = hook.conn_config.get_service_endpoint_url(service)
    if not roles or is_loopback(endpoint):
        return hook.get_conn()
    session = hook.get_session(region_name=region)
    sts_endpoint = hook.conn_config.get_service_endpoint_url("sts", sts_connection_assume=True)
    for role in roles:
        given = session.client("sts", endpoint_url=sts_endpoint).assume_role(RoleArn=role, RoleSessionName=SESSION_NAME)
        credentials = given["Credentials"]
        session = boto3.Session(
            region_name=region,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
    return session.client(service, endpoint_url=endpoint)


def keyspaces_client(conn_id: str, *, region: str) -> Any:  # noqa: ANN401 - boto3's clients have no types
    """Return boto3's client of the service `keyspaces`.

    Raises:
        ConnectionFieldsError: There is no connection of that id.
    """
    require_aws_connection(conn_id)
    return account_client("keyspaces", aws_conn_id=conn_id, region=region, roles=())
