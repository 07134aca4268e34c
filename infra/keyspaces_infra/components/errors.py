"""What a component refuses before anything is declared."""

from __future__ import annotations

from keyspaces_infra.errors import ExitCode, ProvisionError


class ComponentArgumentError(ProvisionError):
    """An argument that AWS would refuse, or that would lose something. Change it where the message says.

    Attributes:
        where: The component and its argument.
        found: What was given.
        allowed: What may be given.
    """

    exit_code = ExitCode.REFUSED

    def __init__(self, *, where: str, found: object, allowed: str, advice: str) -> None:
        super().__init__(f"{where}: found {found!r}, allowed is {allowed}. {advice}")
        self.where = where
        self.found = found
        self.allowed = allowed
