"""The state that every writer and reader obeys, and its form in AppConfig."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyspaces_migration.dual_write.errors import FlagFormatError

FLAG_NAME = "keyspaces_migration"
NO_BARRIER = "none"
PERCENT_MAX = 100
_NAMES = {"enabled", "mode", "barrier_us", "target_read_percent", "version"}


class WriteMode(StrEnum):
    """Where a write goes, and which store's answer is the caller's. In the order of a migration."""

    SOURCE_ONLY = "SOURCE_ONLY"
    RECORD = "RECORD"
    DUAL_SOURCE_LEADS = "DUAL_SOURCE_LEADS"
    DUAL_TARGET_LEADS = "DUAL_TARGET_LEADS"
    TARGET_ONLY = "TARGET_ONLY"

    @property
    def is_dual(self) -> bool:
        """Whether both stores are written to."""
        return self in {WriteMode.DUAL_SOURCE_LEADS, WriteMode.DUAL_TARGET_LEADS}

    @property
    def target_leads(self) -> bool:
        """Whether the target's answer is the caller's."""
        return self in {WriteMode.DUAL_TARGET_LEADS, WriteMode.TARGET_ONLY}

    @property
    def needs_barrier(self) -> bool:
        """Whether the target is written to, which is allowed only above the barrier."""
        return self.is_dual or self is WriteMode.TARGET_ONLY


@dataclass(frozen=True, kw_only=True)
class FlagState:
    """One state of the flag.

    Attributes:
        mode: Where writes go.
        barrier_us: B, in microseconds since 1970; no write in a dual mode is stamped at or below it.
        target_read_percent: Share of the partitions that are read on the target, 0 to 100.
        version: Greater with every change that we make. AppConfig's own reversal brings an older one back, and
            writers obey it: what they report is what they do.

    Raises:
        FlagFormatError: The parts contradict one another.
    """

    mode: WriteMode
    barrier_us: int | None = None
    target_read_percent: int = 0
    version: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.target_read_percent <= PERCENT_MAX:
            raise FlagFormatError(f"target_read_percent is {self.target_read_percent}; allowed: 0 to 100")
        if self.target_read_percent and not self.mode.needs_barrier:
            raise FlagFormatError(f"target_read_percent is {self.target_read_percent} in {self.mode}; allowed: 0")
        if self.mode is WriteMode.TARGET_ONLY and self.target_read_percent != PERCENT_MAX:
            raise FlagFormatError("target_read_percent is below 100 in TARGET_ONLY, where the source stands still")
        if self.mode.needs_barrier and self.barrier_us is None:
            raise FlagFormatError(f"{self.mode} needs barrier_us: fix the barrier first")
        if self.mode is WriteMode.SOURCE_ONLY and self.barrier_us is not None:
            raise FlagFormatError("SOURCE_ONLY carries no barrier_us: writes since then would be missing on the target")
        if self.version < 0 or (self.barrier_us is not None and self.barrier_us <= 0):
            raise FlagFormatError(f"{self}: version and barrier_us are not negative")

    def to_appconfig(self) -> dict[str, Any]:
        """Return the document of a hosted configuration version of type AWS.AppConfig.FeatureFlags."""
        return {
            "version": "1",
            "flags": {
                FLAG_NAME: {
                    "name": "Keyspaces migration",
                    "attributes": {
                        "mode": {"constraints": {"type": "string", "enum": [mode.value for mode in WriteMode]}},
                        "barrier_us": {"constraints": {"type": "string", "pattern": "^(none|[1-9][0-9]{0,18})$"}},
                        "target_read_percent": {"constraints": {"type": "number", "minimum": 0, "maximum": 100}},
                        "version": {"constraints": {"type": "number", "minimum": 0}},
                    },
                }
            },
            "values": {FLAG_NAME: self.to_json()},
        }

    def to_json(self) -> dict[str, Any]:
        """Return the flag's value, as applications receive it. The barrier is text: it must not become a float."""
        return {
            "enabled": True,
            "mode": self.mode.value,
            "barrier_us": NO_BARRIER if self.barrier_us is None else str(self.barrier_us),
            "target_read_percent": self.target_read_percent,
            "version": self.version,
        }

    @classmethod
    def from_json(cls, value: object) -> "FlagState":
        """Read the flag's value.

        Raises:
            FlagFormatError: Something is missing, unknown or of another type.
        """
        if isinstance(value, dict):
            # AppConfig's own: _createdAt and _updatedAt. No attribute's name may begin so.
            value = {name: given for name, given in value.items() if not name.startswith("_")}
        if not isinstance(value, dict) or value.keys() != _NAMES:
            found = sorted(value) if isinstance(value, dict) else value
            raise FlagFormatError(f"the flag {FLAG_NAME} holds {found}; allowed: exactly {sorted(_NAMES)}")
        if value["enabled"] is not True:
            raise FlagFormatError(f"the flag {FLAG_NAME} is switched off: to end a migration, change its mode")
        try:
            mode = WriteMode(value["mode"])
        except ValueError:
            allowed = ", ".join(WriteMode)
            raise FlagFormatError(f"mode is {value['mode']!r}; allowed: {allowed}") from None
        return cls(
            mode=mode,
            barrier_us=_read_barrier(value["barrier_us"]),
            target_read_percent=_read_whole("target_read_percent", value["target_read_percent"]),
            version=_read_whole("version", value["version"]),
        )

    @classmethod
    def from_appconfigdata(cls, content: bytes) -> "FlagState":
        """Read what GetLatestConfiguration returns: the flags' values by name.

        Raises:
            FlagFormatError: It is no JSON, holds no flag of ours, or the flag is not one of ours.
        """
        try:
            document = json.loads(content)
        except ValueError as error:
            raise FlagFormatError(f"the configuration is no JSON: {error}") from error
        if not isinstance(document, dict) or FLAG_NAME not in document:
            raise FlagFormatError(f"the configuration holds no flag {FLAG_NAME}: is this the right profile?")
        return cls.from_json(document[FLAG_NAME])


def _read_whole(name: str, value: object) -> int:
    # A JSON number may come back as 5.0.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FlagFormatError(f"{name} is {value!r}; allowed: a whole number")
    return value


def _read_barrier(value: object) -> int | None:
    if value == NO_BARRIER:
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isdigit():
        raise FlagFormatError(f"barrier_us is {value!r}; allowed: {NO_BARRIER!r} or microseconds as digits in a string")
    return int(value)
