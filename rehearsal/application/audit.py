"""The audit: every key that the application touched, in both stores, against the truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.json_codec import decode_columns
from rehearsal.application.truth import json_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.dual_write.store import Store, Stores
    from rehearsal.application.truth import KeyTruth, Row, Truth

EXAMPLES = 10


@dataclass(kw_only=True)
class StoreAudit:
    """One store against the truth.

    Attributes:
        lost_writes: Keys whose acknowledged state the store does not have.
        missing: Those among them whose row is not there.
        surplus: Those whose row is there and should not be.
        examples: The first of them.
    """

    lost_writes: int = 0
    missing: int = 0
    surplus: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, truth: KeyTruth, found: Row) -> None:
        """Count a difference."""
        self.lost_writes += 1
        self.missing += found is None
        self.surplus += found is not None and truth.row is None
        if len(self.examples) < EXAMPLES:
            self.examples.append({"table": truth.table, "key": truth.key, "found": found, "truth": truth.possible})


@dataclass(kw_only=True)
class AuditReport:
    """The whole result.

    Attributes:
        keys: Keys compared.
        acknowledged: Writes that were acknowledged since the application's first start.
        unsent: Writes that one store still lacked when the audit began; its result is only final at 0.
        mortal: Keys whose row was written with a time to live, alive or dead by now.
        unsettled: Keys with a write of unknown outcome on which the two stores do not agree.
    """

    keys: int
    acknowledged: int
    unsent: int
    mortal: int
    unsettled: int
    source: StoreAudit
    target: StoreAudit

    def to_json(self) -> dict[str, Any]:
        """Return it as a map."""
        return asdict(self)


def audit(
    stores: Stores, truth: Truth, tables: Mapping[str, TableShape], *, unsent: int, only_written: bool
) -> AuditReport:
    """Compare every key. Nothing may be written meanwhile. Errors of the stores are the driver's.

    Args:
        stores: Both.
        truth: What should be there. Keys with writes of unknown outcome are settled by what both stores show.
        tables: The shapes by name.
        unsent: How many writes the writer could not yet deliver.
        only_written: Leave out the keys that were only taken over: until the backfill they are on the source alone.
    """
    report = AuditReport(
        keys=0,
        acknowledged=truth.acknowledged,
        unsent=unsent,
        mortal=0,
        unsettled=0,
        source=StoreAudit(),
        target=StoreAudit(),
    )
    for key in list(truth.every()):
        if key.dies_at is not None:
            report.mortal += 1
        if only_written and not key.written:
            continue
        report.keys += 1
        shape = tables[key.table]
        source, target = (_read(store, shape, key) for store in (stores.source, stores.target))
        if key.begun and key.dies_at is None:
            if source == target and source in key.possible:
                truth.settle(key, source)
            else:
                report.unsettled += 1
        for found, side in ((source, report.source), (target, report.target)):
            if found not in key.possible:
                side.add(key, found)
    return report


def _read(store: Store, shape: TableShape, key: KeyTruth) -> Row:
    return json_row(shape, store.read_row(shape, decode_columns(key.key, shape.columns)))
