"""A resource type that is served by its description."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.pulumi_aws_provider import tagging
from rehearsal.pulumi_aws_provider.account import CancelledError, is_error
from rehearsal.pulumi_aws_provider.archives import is_archive, why_not_readable
from rehearsal.pulumi_aws_provider.comparison import as_given, comparable
from rehearsal.pulumi_aws_provider.resources import Difference, Failure, Found, PartlyMadeError, Properties, changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.description import Description

_TAGS = ("tags", "tagsAll")


@contextmanager
def made(resource_id: str) -> Iterator[None]:
    """Around what follows once a resource is there: if it fails, the engine must keep the resource all the same."""
    try:
        yield
    except (ClientError, BotoCoreError, CancelledError, TimeoutError) as error:
        raise PartlyMadeError(f"{resource_id} is there, but: {error}", resource_id=resource_id) from error


class Managed:
    """Serves what a description says, by the rules that all types share."""

    def __init__(self, description: Description) -> None:
        self.description = description
        self.token = description.token
        self.taggable = description.tagging is not None
        self.name_is_taken = description.name_is_taken
        self.computed = (*description.computed, *(path for path in description.filled_in if "." not in path))
        self._inputs = (*description.served, *(_TAGS if self.taggable else ()))

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse what is missing or not served, and archives that can't be read."""
        for name in self.description.required:
            if inputs.get(name) in (None, ""):
                yield Failure(path=name, reason="needed here: this attached provider makes up no names and no defaults")
        for name, value in sorted(inputs.items()):
            if name not in self._inputs and value is not None:
                yield Failure(path=name, reason=f"not served by this attached provider; {', '.join(self._inputs)} are")
            if is_archive(value) and (reason := why_not_readable(value)):
                yield Failure(path=name, reason=reason)
        yield from self.description.failures(inputs)

    def diff(self, old: Properties, new: Properties) -> Iterable[Difference]:
        """Compare inputs."""
        # So that members which AWS has filled in, and an import shows, are no difference either.
        before = comparable(self.description, as_given(self.description, old, new))
        after = comparable(self.description, new)
        return changes(before, after, computed=self.description.filled_in, replacing=self.description.replacing)

    def unsettled(self, old: Properties, new: Properties) -> Iterable[str]:
        """Outputs that this change will change too."""
        return self.description.unsettled(old, new)

    def create(self, account: Account, inputs: Properties) -> str:
        """Make the resource and return its id."""
        return self.description.create(account, inputs)

    def read(self, account: Account, resource_id: str, inputs: Properties) -> Found | None:
        """The resource as it is, so far as it is as asked for in the words of the program."""
        live = self._live(account, resource_id, inputs)
        if live is None:
            return None
        shown = as_given(self.description, {name: live[name] for name in self._inputs if name in live}, inputs)
        outputs = {**live, **{name: value for name, value in shown.items() if name in live}}
        return Found(outputs=outputs, inputs=shown if inputs else self._imported(live))

    def update(self, account: Account, resource_id: str, old: Properties, new: Properties) -> None:
        """Change the resource in place, its tags last."""
        changed = {difference.path for difference in self.diff(old, new)}
        # Nothing changed: an earlier run failed half-way, and the engine asks to finish it.
        if not changed or changed - set(_TAGS):
            self.description.update(account, resource_id, old, new)
        method = self.description.tagging
        if method is not None:
            outputs = self.description.read(account, resource_id, new)
            if outputs is not None:
                method.bring_to(account, outputs, tagging.all_tags(new))

    def delete(self, account: Account, resource_id: str, outputs: Properties) -> None:
        """Delete the resource; one that is gone already is deleted."""
        try:
            self.description.delete(account, resource_id, outputs)
        except ClientError as error:
            if not is_error(error, *self.description.gone):
                raise

    def _live(self, account: Account, resource_id: str, given: Properties) -> Properties | None:
        try:
            live = self.description.read(account, resource_id, given)
            if live is None:
                return None
            method = self.description.tagging
            if method is not None:
                tags = method.read(account, live)
                live = {**live, **tagging.as_properties(tags, given, account.default_tags)}
        except ClientError as error:
            if is_error(error, *self.description.gone):
                return None
            raise
        remembered = {name: given[name] for name in self.description.remembered if name in given}
        return {name: value for name, value in {**live, **remembered}.items() if value is not None}

    def _imported(self, live: Properties) -> Properties:
        kept = comparable(self.description, live)
        return {name: live[name] for name in self._inputs if name in kept}
