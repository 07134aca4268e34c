"""What has to be said of a resource type so that `Managed` can serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Failure, Properties
    from rehearsal.pulumi_aws_provider.tagging import Tagging

Create: TypeAlias = "Callable[[Account, Properties], str]"
Read: TypeAlias = "Callable[[Account, str, Properties], Properties | None]"
Update: TypeAlias = "Callable[[Account, str, Properties, Properties], None]"
Delete: TypeAlias = "Callable[[Account, str, Properties], None]"


def nothing_to_update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    """For a type of which everything but its tags makes it anew."""
    del account, resource_id, old, new


def by_putting(put: Callable[[Account, Properties], object]) -> Update:
    """For a type whose whole is put again, by the call that makes it."""

    def update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
        del resource_id, old
        put(account, new)

    return update


def _no_failures(inputs: Properties) -> Iterable[Failure]:
    del inputs
    return ()


def _all_settled(old: Properties, new: Properties) -> Iterable[str]:
    del old, new
    return ()


@dataclass(frozen=True, kw_only=True)
class Description:
    """A resource type. Paths are of Pulumi's properties, with dots into members and without places in lists.

    Attributes:
        token: Pulumi's name of the type.
        source: The file of terraform-provider-aws that what follows was read from.
        served: The inputs that are served; others are refused.
        required: Those that must be given. Names are, as this provider names nothing by itself.
        replacing: Inputs whose change makes the resource anew (ForceNew).
        computed: Outputs that no program gives (Computed).
        filled_in: Inputs that AWS fills in where the program leaves them out (Optional and Computed).
        defaults: What an input is where the program leaves it out (Default).
        documents: Inputs that are JSON in a string: compared by content.
        unordered: Lists whose order means nothing (TypeSet).
        alike: For an input that can be said in two ways, how to bring it to one; called with what is given.
        remembered: Inputs that the API does not tell again: they stay what the program said, and no refresh sees them.
        gone: Codes of the errors that say that the resource is not there.
        name_is_taken: Whether a new one can't be made while the old one is there.
        tagging: How it is tagged, None where it can't be.
        create: Makes it and returns its id.
        read: Its live properties, None where it is gone. Gets what the program gave, as the API may need more than
            the id.
        update: Brings it to the new inputs. May be called with equal ones, to finish what an error cut short.
        delete: Deletes it. Gets its outputs.
        failures: What else the real provider refuses before it calls AWS.
        unsettled: Outputs that a change will change too, so that a preview can't know them.
    """

    token: str
    source: str
    served: tuple[str, ...]
    create: Create
    read: Read
    delete: Delete
    update: Update = nothing_to_update
    required: tuple[str, ...] = ()
    replacing: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    filled_in: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    documents: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    alike: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    remembered: tuple[str, ...] = ()
    gone: tuple[str, ...] = ("ResourceNotFoundException",)
    name_is_taken: bool = True
    tagging: Tagging | None = None
    failures: Callable[[Properties], Iterable[Failure]] = _no_failures
    unsettled: Callable[[Properties, Properties], Iterable[str]] = _all_settled

    def with_defaults(self, inputs: Properties) -> Properties:
        """Inputs in which what is left out has its default, as the real provider sends them."""
        return {**{name: value for name, value in self.defaults.items() if "." not in name}, **inputs}
