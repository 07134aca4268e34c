"""aws:keyspaces/keyspace:Keyspace.

Which properties replace it: `name` is ForceNew in terraform-provider-aws (internal/service/keyspaces/keyspace.go),
on which pulumi_aws stands; a change of Region makes any resource anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from rehearsal.pulumi_aws_provider import tags
from rehearsal.pulumi_aws_provider.account import is_error
from rehearsal.pulumi_aws_provider.resources import Difference, Failure, Found, Properties, changes
from rehearsal.pulumi_aws_provider.tagging import all_tags, as_properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearsal.pulumi_aws_provider.account import Account

CREATE_TIMEOUT_S = 120.0
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_]{0,47}")


class Keyspace:
    """A keyspace of local Keyspaces; its id is its name."""

    token = "aws:keyspaces/keyspace:Keyspace"  # noqa: S105 - a type token of Pulumi's
    computed = ("arn", "region")
    taggable = True
    name_is_taken = True

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse a name that the service can't have."""
        name = inputs.get("name")
        if not isinstance(name, str):
            yield Failure(path="name", reason="needed here: this attached provider names nothing by itself")
        elif not _NAME.fullmatch(name):
            yield Failure(path="name", reason=f"{name!r}: up to 48 alphanumeric characters and underscores")

    def diff(self, old: Properties, new: Properties) -> Iterable[Difference]:
        """Compare inputs."""
        return changes(old, new, computed=("region", "replicationSpecification"), replacing=("name", "region"))

    def unsettled(self, old: Properties, new: Properties) -> Iterable[str]:
        """Nothing else changes with the tags."""
        del old, new
        return ()

    def create(self, account: Account, inputs: Properties) -> str:
        """Make the keyspace and wait until it can be used."""
        request = {"keyspaceName": inputs["name"]}
        if wanted := all_tags(inputs):
            request["tags"] = tags.to_api(wanted)
        account.keyspaces.create_keyspace(**request)
        name = str(inputs["name"])
        account.wait_until(
            lambda: self.read(account, name, inputs) is not None,
            what=f"keyspace {name} to be created",
            timeout_s=CREATE_TIMEOUT_S,
        )
        return name

    def read(self, account: Account, resource_id: str, inputs: Properties) -> Found | None:
        """The keyspace as it is."""
        try:
            keyspace = account.keyspaces.get_keyspace(keyspaceName=resource_id)
        except ClientError as error:
            if is_error(error, "ResourceNotFoundException"):
                return None
            raise
        live = tags.read(account, keyspace["resourceArn"])
        found = {"name": keyspace["keyspaceName"], **as_properties(live, inputs, account.default_tags)}
        outputs = {**found, "arn": keyspace["resourceArn"], "region": account.region}
        return Found(outputs=outputs, inputs={key: value for key, value in found.items() if value})

    def update(self, account: Account, resource_id: str, old: Properties, new: Properties) -> None:
        """Change the tags, which is all that can change."""
        arn = account.keyspaces.get_keyspace(keyspaceName=resource_id)["resourceArn"]
        tags.change(account, arn, old=all_tags(old), new=all_tags(new))

    def delete(self, account: Account, resource_id: str, outputs: Properties) -> None:
        """Delete the keyspace with its tables."""
        del outputs
        try:
            account.keyspaces.delete_keyspace(keyspaceName=resource_id)
        except ClientError as error:
            if not is_error(error, "ResourceNotFoundException"):
                raise
