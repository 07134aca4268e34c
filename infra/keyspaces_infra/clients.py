"""boto3's clients in the account of a stack, for the few things that the engine can't look up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3

from keyspaces_infra.components.account import is_stand_in

if TYPE_CHECKING:
    from keyspaces_infra.settings import StackSettings

_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class AccountClients:
    """Makes clients with the rights that the stack's provider has: the environment's, then each role of the chain."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._session: boto3.Session | None = None

    def __call__(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no type of their own
        """A client of a service, at the stand-in's address where there is one. Errors are boto3's."""
        self._session = self._session or self._assume()
        endpoint = self._settings.endpoints.get(service)
        return self._session.client(service, endpoint_url=endpoint)  # type: ignore[call-overload]

    def _assume(self) -> boto3.Session:
        settings = self._settings
        session = self._session_of(*(settings.environment.get(name) for name in _VARIABLES))
        for role in () if is_stand_in(settings.endpoints) else settings.migration.target.role_chain:
            answer = session.client("sts").assume_role(RoleArn=role, RoleSessionName="keyspaces-migration")
            given = answer["Credentials"]
            session = self._session_of(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return session

    def _session_of(self, key_id: str | None, secret: str | None, token: str | None) -> boto3.Session:
        return boto3.Session(
            region_name=self._settings.migration.target.region,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )
