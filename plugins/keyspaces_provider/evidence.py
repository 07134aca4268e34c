"""What an approver is shown: facts that have a digest, and a page made from them."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from keyspaces_migration.approval import facts_digest
from keyspaces_migration.errors import MigrationError


class EvidenceDamagedError(MigrationError):
    """The evidence that was kept is not the one that the ledger recorded: nobody may approve it."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What stands behind one act.

    Attributes:
        title: One line, for the gate's subject.
        facts: Everything that the act rests on, as JSON; the digest is over these alone.
        page: Markdown for the approver, made from the facts.
    """

    title: str
    facts: dict[str, Any]
    page: str

    @property
    def digest(self) -> str:
        """SHA-256 of the facts' canonical JSON, in hexadecimal."""
        return facts_digest(self.facts)

    def to_json(self) -> str:
        """The text that is kept."""
        return json.dumps({"title": self.title, "facts": self.facts, "page": self.page}, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, *, recorded_sha256: str) -> "Evidence":
        """Read back what was kept.

        Args:
            text: The content of the file.
            recorded_sha256: What the ledger recorded of it.

        Raises:
            EvidenceDamagedError: the file is not the one that was recorded.
        """
        if sha256(text.encode()).hexdigest() != recorded_sha256:
            raise EvidenceDamagedError(
                "The evidence file is not the one that the ledger recorded. Nothing was done. Trigger a new run."
            )
        return cls(**json.loads(text))
