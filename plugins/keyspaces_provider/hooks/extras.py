"""The extra fields of our connections, read once and strictly."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keyspaces_migration.errors import MigrationError

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ConnectionFieldsError(MigrationError):
    """An Airflow connection's fields cannot be used; nothing was contacted. Correct the connection."""


class CassandraExtra(BaseModel):
    """Extra fields of a connection to Cassandra; None is a field that was left empty.

    Numbers and switches may be text too ("30", "true"): a connection given as a URI has nothing but text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tls: bool | None = None
    ca_certificate_file: Path | None = None
    tls_check_hostname: bool | None = None
    tls_server_hostname: str | None = None
    local_data_center: str | None = None
    consistency: str | None = None
    request_timeout_s: Seconds | None = None
    connect_timeout_s: Seconds | None = None


class KeyspacesExtra(CassandraExtra):
    """Extra fields of a connection to Amazon Keyspaces."""

    region: str | None = None
    aws_conn_id: str | None = None


Extra = TypeVar("Extra", bound=CassandraExtra)


def read_extra(text: str | None, model: type[Extra], *, conn_id: str) -> Extra:
    """Read the Extra of a connection. Airflow's form saves empty fields as null or empty text: both are left out.

    Raises:
        ConnectionFieldsError: every problem, by field. Values of unknown fields are not repeated: they may be secrets.
    """
    try:
        raw = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        # Chaining would carry the text, and with it any secret, into the log.
        raise ConnectionFieldsError(
            f"connection {conn_id!r}: Extra is not JSON (line {error.lineno}, column {error.colno})."
        ) from None
    if not isinstance(raw, dict):
        raise ConnectionFieldsError(f"connection {conn_id!r}: Extra is a {type(raw).__name__}. Allowed: a JSON object.")
    given = {name: value for name, value in raw.items() if value is not None and value != ""}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = [_problem(one["loc"], one["type"], one["msg"], given, model) for one in error.errors()]
    raise ConnectionFieldsError("\n".join(f"connection {conn_id!r}: {problem}" for problem in problems))


def _problem(
    place: tuple[int | str, ...], kind: str, message: str, given: dict[str, object], model: type[CassandraExtra]
) -> str:
    name = str(place[0])
    if kind != "extra_forbidden":
        return f"extra field {name} is {given[name]!r}. {message}."
    near = get_close_matches(name, model.model_fields, n=1)
    advice = f"Did you mean {near[0]}?" if near else f"Allowed: {', '.join(model.model_fields)}."
    return f"extra field {name} is unknown. {advice}"
