"""Tags of a resource, which the API takes one way and the program another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.pulumi_aws_provider.account import Account


def to_api(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API takes them."""
    return [{"key": key, "value": value} for key, value in sorted(tags.items())]


def read(account: Account, arn: str) -> dict[str, str]:
    """The tags of a resource."""
    pages = account.keyspaces.get_paginator("list_tags_for_resource").paginate(resourceArn=arn)
    return {tag["key"]: tag["value"] for page in pages for tag in page.get("tags", ())}


def change(account: Account, arn: str, *, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Bring a resource's tags from `old` to `new`."""
    if gone := {key: value for key, value in old.items() if key not in new}:
        account.keyspaces.untag_resource(resourceArn=arn, tags=to_api(gone))
    if put := {key: value for key, value in new.items() if old.get(key) != value}:
        account.keyspaces.tag_resource(resourceArn=arn, tags=to_api(put))
