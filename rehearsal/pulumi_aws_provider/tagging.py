"""Tags by each service's own operations, and the default tags of the provider.

As in pulumi-aws (provider/tags.go), a resource's inputs have what the program said in `tags`, and in `tagsAll` that
with the provider's default tags. What AWS has is `tagsAll`; a default tag that the program did not repeat is not in
`tags` (terraform-provider-aws, internal/tags: RemoveDefaultConfig).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.structs import UNKNOWN, has_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties


@dataclass(frozen=True, kw_only=True)
class Tagging:
    """How a service takes tags.

    Attributes:
        service: boto3's name of it.
        of: The property that names a resource to these operations.
        parameter: The parameter that takes that name.
        list_with: boto3's method that lists tags; no service that is here has more than a page of them.
        tag_with: boto3's method that puts tags.
        untag_with: boto3's method that removes them.
        member: Name of the tags in a request and in the answer.
        on_create: Name of the tags in the request that makes a resource.
        keys: Name of the list of keys to remove.
        pair: Names of key and value where tags are a list; None where they are a map.
    """

    service: str
    of: str
    parameter: str
    list_with: str
    tag_with: str
    untag_with: str
    member: str = "Tags"
    on_create: str = "Tags"
    keys: str = "TagKeys"
    pair: tuple[str, str] | None = None

    def for_create(self, inputs: Properties) -> dict[str, Any]:
        """The parameter with a new resource's tags; nothing where there are none."""
        tags = all_tags(inputs)
        return {self.on_create: self._to_api(tags)} if tags else {}

    def read(self, account: Account, outputs: Properties) -> dict[str, str]:
        """The tags of a resource."""
        answer = getattr(account.client(self.service), self.list_with)(**{self.parameter: outputs[self.of]})
        return self._from_api(answer.get(self.member) or ())

    def bring_to(self, account: Account, outputs: Properties, tags: Mapping[str, str]) -> None:
        """Change a resource's tags into these."""
        there, client = self.read(account, outputs), account.client(self.service)
        name = {self.parameter: outputs[self.of]}
        if gone := sorted(set(there) - set(tags)):
            getattr(client, self.untag_with)(**name, **{self.keys: gone})
        if put := {key: value for key, value in tags.items() if there.get(key) != value}:
            getattr(client, self.tag_with)(**name, **{self.member: self._to_api(put)})

    def _to_api(self, tags: Mapping[str, str]) -> Any:  # noqa: ANN401 - a list or a map
        if self.pair is None:
            return dict(tags)
        key_name, value_name = self.pair
        return [{key_name: key, value_name: value} for key, value in sorted(tags.items())]

    def _from_api(self, tags: Any) -> dict[str, str]:  # noqa: ANN401 - as above
        if self.pair is None:
            return dict(tags)
        key_name, value_name = self.pair
        return {each[key_name]: each[value_name] for each in tags}


def with_default_tags(inputs: Properties, default_tags: Mapping[str, str]) -> Properties:
    """A taggable resource's inputs with `tagsAll`."""
    own = inputs.get("tags") or {}
    if has_unknown(own):
        return {**inputs, "tagsAll": UNKNOWN}
    together = {**default_tags, **own}
    return {**inputs, "tagsAll": together} if together else inputs


def all_tags(inputs: Properties) -> dict[str, str]:
    """The tags that a resource shall have."""
    return dict(inputs.get("tagsAll") or inputs.get("tags") or {})


def as_properties(live: Mapping[str, str], given: Properties, default_tags: Mapping[str, str]) -> Properties:
    """`tags` and `tagsAll` of a resource that has these tags."""
    repeated = given.get("tags") or {}
    own = {key: value for key, value in live.items() if key in repeated or default_tags.get(key) != value}
    return {"tags": own, "tagsAll": dict(live)}
