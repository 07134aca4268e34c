"""aws:keyspaces/table:Table.

What replaces a table is read from terraform-provider-aws, internal/service/keyspaces/table.go, on which pulumi_aws
stands: ForceNew on names, keys, static columns and the comment; customdiff makes it anew where a column is removed
or has another type ("Columns can only be added") and where client-side timestamps are taken away. Columns and static
columns are sets there: their order means nothing. Optional and Computed, so that leaving them out changes nothing:
capacity, comment, encryption, point-in-time recovery. The same file gives the patterns below, which let through less
than Keyspaces does: one level of angle brackets and lower case only (issues #35787 and #43068).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rehearsal.pulumi_aws_provider import tags
from rehearsal.pulumi_aws_provider.account import CancelledError, is_error
from rehearsal.pulumi_aws_provider.resources import (
    Difference,
    DiffKind,
    Failure,
    Found,
    PartlyMadeError,
    Properties,
    changes,
)
from rehearsal.pulumi_aws_provider.structs import UNKNOWN
from rehearsal.pulumi_aws_provider.tagging import all_tags, as_properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearsal.pulumi_aws_provider.account import Account

CREATE_TIMEOUT_S = 600.0
UPDATE_TIMEOUT_S = 1800.0

_KEYSPACE_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_]{0,47}")
_TABLE_NAME = re.compile(r"[0-9A-Za-z_]{1,48}")
_COLUMN_NAME = re.compile(r"[0-9a-z_]{1,48}")
_COLUMN_TYPE = re.compile(r"[0-9a-z]+(<[0-9a-z]+(, *[0-9a-z]+)?>)?")

_REPLACING = (
    "keyspaceName",
    "tableName",
    "region",
    "comment",
    "schemaDefinition.partitionKeys",
    "schemaDefinition.clusteringKeys",
    "schemaDefinition.staticColumns",
)
_FILLED_IN = ("capacitySpecification", "comment", "encryptionSpecification", "pointInTimeRecovery", "region")
# With the members that pulumi_aws has; the API shows more, such as when a table became on-demand.
_SETTINGS = {
    "capacitySpecification": ("throughputMode", "readCapacityUnits", "writeCapacityUnits"),
    "clientSideTimestamps": ("status",),
    "encryptionSpecification": ("type", "kmsKeyIdentifier"),
    "pointInTimeRecovery": ("status",),
    "ttl": ("status",),
}
_PARTS = ("columns", "partitionKeys", "clusteringKeys", "staticColumns")


class Table:
    """A table of local Keyspaces; its id is KEYSPACE/TABLE."""

    token = "aws:keyspaces/table:Table"  # noqa: S105 - a type token of Pulumi's
    computed = ("arn", "region", *_FILLED_IN[:-1])
    taggable = True
    name_is_taken = True

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse names and types that the real provider does not let through."""
        for path, pattern in (("keyspaceName", _KEYSPACE_NAME), ("tableName", _TABLE_NAME)):
            yield from _mismatch(path, inputs.get(path), pattern)
        definition = inputs.get("schemaDefinition") or {}
        for part in _PARTS:
            for index, column in enumerate(definition.get(part) or ()):
                path = f"schemaDefinition.{part}[{index}]"
                yield from _mismatch(f"{path}.name", column.get("name"), _COLUMN_NAME)
                if part == "columns":
                    yield from _mismatch(f"{path}.type", column.get("type"), _COLUMN_TYPE)

    def diff(self, old: Properties, new: Properties) -> Iterator[Difference]:
        """Compare inputs."""
        for found in changes(_flat(old), _flat(new), computed=_FILLED_IN, replacing=_REPLACING):
            replaces = found.replaces
            if found.path == "schemaDefinition.columns":
                replaces = not _columns(old) <= _columns(new)
            if found.path == "clientSideTimestamps":
                replaces = found.kind is DiffKind.DELETE
            yield Difference(path=found.path, kind=found.kind, replaces=replaces)

    def unsettled(self, old: Properties, new: Properties) -> Iterable[str]:
        """No other output changes with an input."""
        del old, new
        return ()

    def create(self, account: Account, inputs: Properties) -> str:
        """Make the table and wait until it is ACTIVE."""
        request = {
            name: inputs[name] for name in ("keyspaceName", "tableName", "comment", *_SETTINGS) if name in inputs
        }
        request["schemaDefinition"] = _to_api(inputs["schemaDefinition"])
        if inputs.get("defaultTimeToLive"):
            request["defaultTimeToLive"] = inputs["defaultTimeToLive"]
        if wanted := all_tags(inputs):
            request["tags"] = tags.to_api(wanted)
        account.keyspaces.create_table(**request)
        resource_id = f"{inputs['keyspaceName']}/{inputs['tableName']}"
        try:
            _wait_until_active(account, resource_id, timeout_s=CREATE_TIMEOUT_S)
        except (CancelledError, TimeoutError, ClientError) as error:
            raise PartlyMadeError(str(error), resource_id=resource_id) from error
        return resource_id

    def read(self, account: Account, resource_id: str, inputs: Properties) -> Found | None:
        """The table as it is, in the order of the columns that the program gave."""
        try:
            table = account.keyspaces.get_table(**_key(resource_id))
        except ClientError as error:
            if is_error(error, "ResourceNotFoundException"):
                return None
            raise
        outputs: Properties = {
            "arn": table["resourceArn"],
            "keyspaceName": table["keyspaceName"],
            "tableName": table["tableName"],
            "schemaDefinition": _from_api(table["schemaDefinition"], inputs.get("schemaDefinition") or {}),
            "comment": table["comment"],
            "defaultTimeToLive": table["defaultTimeToLive"],
            "region": account.region,
            **as_properties(tags.read(account, table["resourceArn"]), inputs, account.default_tags),
            **{name: _known(table[name], members) for name, members in _SETTINGS.items() if name in table},
        }
        return Found(outputs=outputs, inputs=_inputs(outputs, inputs))

    def update(self, account: Account, resource_id: str, old: Properties, new: Properties) -> None:
        """Change one setting after the other, waiting between them, as the API takes one in a call."""
        # An earlier run may have been cut short while the table was being made or changed.
        _wait_until_active(account, resource_id, timeout_s=UPDATE_TIMEOUT_S)
        try:
            for setting in _settings_to_change(old, new):
                account.keyspaces.update_table(**_key(resource_id), **setting)
                _wait_until_active(account, resource_id, timeout_s=UPDATE_TIMEOUT_S)
        except (CancelledError, TimeoutError) as error:
            raise PartlyMadeError(str(error), resource_id=resource_id) from error
        arn = account.keyspaces.get_table(**_key(resource_id))["resourceArn"]
        tags.change(account, arn, old=all_tags(old), new=all_tags(new))

    def delete(self, account: Account, resource_id: str, outputs: Properties) -> None:
        """Delete the table and wait until it is gone."""
        del outputs
        try:
            account.keyspaces.delete_table(**_key(resource_id))
        except ClientError as error:
            if not is_error(error, "ResourceNotFoundException"):
                raise
        what = f"the end of table {resource_id}"
        account.wait_until(lambda: _status(account, resource_id) is None, what=what, timeout_s=CREATE_TIMEOUT_S)


def _mismatch(path: str, value: object, pattern: re.Pattern[str]) -> Iterator[Failure]:
    if value != UNKNOWN and not (isinstance(value, str) and pattern.fullmatch(value)):
        yield Failure(path=path, reason=f"{value!r} is not let through: pulumi_aws's pattern is {pattern.pattern}")


def _known(setting: Properties, members: tuple[str, ...]) -> Properties:
    return {name: setting[name] for name in members if name in setting}


def _key(resource_id: str) -> dict[str, str]:
    keyspace, _, table = resource_id.partition("/")
    return {"keyspaceName": keyspace, "tableName": table}


def _flat(inputs: Properties) -> Properties:
    flat = {name: value for name, value in inputs.items() if name != "schemaDefinition"}
    for part, value in (inputs.get("schemaDefinition") or {}).items():
        # Sets in the real provider: put in order, so that only their content is compared. By names and not by text: a
        # column's members come in whatever order protobuf's map gives them.
        is_set = part in ("columns", "staticColumns") and isinstance(value, list)
        flat[f"schemaDefinition.{part}"] = sorted(value, key=_by_name) if is_set else value
    return {name: value for name, value in flat.items() if value not in ([], {}, None)}


def _by_name(column: Properties) -> str:
    return str(column.get("name"))


def _columns(inputs: Properties) -> set[tuple[str, str]]:
    columns = (inputs.get("schemaDefinition") or {}).get("columns") or ()
    return {(column["name"], column["type"]) for column in columns}


def _to_api(definition: Properties) -> Properties:
    renamed = {"allColumns" if part == "columns" else part: definition[part] for part in _PARTS if definition.get(part)}
    return dict(renamed)


def _from_api(definition: Properties, given: Properties) -> Properties:
    order = {column["name"]: index for index, column in enumerate(given.get("columns") or ())}

    def rank(column: dict[str, str]) -> tuple[int, str]:
        return order.get(column["name"], len(order)), column["name"]

    parts: Properties = {
        "columns": sorted(definition["allColumns"], key=rank),
        "partitionKeys": definition["partitionKeys"],
        "clusteringKeys": definition.get("clusteringKeys", []),
        "staticColumns": sorted(definition.get("staticColumns", []), key=rank),
    }
    return {part: value for part, value in parts.items() if value}


def _inputs(outputs: Properties, given: Properties) -> Properties:
    # On refresh what the program left out and AWS fills in stays out; on import nothing is known to be left out.
    hidden = {"arn", "region"} | ({name for name in _FILLED_IN if name not in given} if given else set())
    return {name: value for name, value in outputs.items() if name not in hidden and value not in (0, {}, [])}


def _settings_to_change(old: Properties, new: Properties) -> Iterator[dict[str, Any]]:
    for name in _SETTINGS:
        if name in new and old.get(name) != new[name]:
            yield {name: new[name]}
    if old.get("defaultTimeToLive") != new.get("defaultTimeToLive"):
        yield {"defaultTimeToLive": new.get("defaultTimeToLive") or 0}
    if added := _columns(new) - _columns(old):
        yield {"addColumns": [{"name": name, "type": cql_type} for name, cql_type in sorted(added)]}


def _status(account: Account, resource_id: str) -> str | None:
    try:
        return str(account.keyspaces.get_table(**_key(resource_id))["status"])
    except ClientError as error:
        if is_error(error, "ResourceNotFoundException"):
            return None
        raise


def _wait_until_active(account: Account, resource_id: str, *, timeout_s: float) -> None:
    what = f"table {resource_id} to be ACTIVE"
    account.wait_until(lambda: _status(account, resource_id) == "ACTIVE", what=what, timeout_s=timeout_s)
