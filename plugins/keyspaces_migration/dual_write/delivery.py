"""Where a write goes in each mode, and how it is sent again after a failure or a restart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keyspaces_migration.dual_write.errors import DualWriteError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.gate import ModeGate
from keyspaces_migration.dual_write.journal import LocalJournal
from keyspaces_migration.dual_write.mutation import Mutation
from keyspaces_migration.dual_write.recopy import KeyHistory, recopy_key, recopy_range
from keyspaces_migration.dual_write.recorded import RecordPlace, record, recorded_of
from keyspaces_migration.dual_write.routing import partition_text
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName, Stores
from keyspaces_migration.dual_write.unsent import Unsent


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a mode does with a write.

    Attributes:
        leader: Whose answer is the caller's.
        follower: The other store, or None where it is not written to.
        journalled: Whether the local journal gets it first.
        records_writes: Whether every touched key is recorded on the source.
        records_deletes: Whether deletes are recorded there, for the backfill.
    """

    leader: StoreName
    follower: StoreName | None
    journalled: bool
    records_writes: bool = False
    records_deletes: bool = False


_PLANS = {
    WriteMode.SOURCE_ONLY: Plan(leader=StoreName.SOURCE, follower=None, journalled=False),
    WriteMode.RECORD: Plan(
        leader=StoreName.SOURCE, follower=None, journalled=True, records_writes=True, records_deletes=True
    ),
    WriteMode.DUAL_SOURCE_LEADS: Plan(
        leader=StoreName.SOURCE, follower=StoreName.TARGET, journalled=True, records_deletes=True
    ),
    # The backfill is complete by now, and the source must not be able to stop a write.
    WriteMode.DUAL_TARGET_LEADS: Plan(leader=StoreName.TARGET, follower=StoreName.SOURCE, journalled=True),
    WriteMode.TARGET_ONLY: Plan(leader=StoreName.TARGET, follower=None, journalled=False),
}


def plan_of(mode: WriteMode) -> Plan:
    """Return what a mode does with a write."""
    return _PLANS[mode]


def lane_of(shape: TableShape, partition: str) -> str | None:
    """Return what keeps writes in the background from being sent at a time; None where nothing does.

    Keyspaces lets a write time out that meets another of the same partition, where one is of static columns.
    """
    return f"{shape.name} {partition}" if shape.static_columns else None


class Delivery:
    """Sends what the first attempt left over. Errors of the stores are the driver's."""

    def __init__(
        self,
        *,
        stores: Stores,
        tables: Mapping[str, TableShape],
        journal: LocalJournal,
        gate: ModeGate,
        place: RecordPlace,
    ) -> None:
        self._stores = stores
        self._tables = tables
        self._journal = journal
        self._gate = gate
        self._place = place

    def record(self, write: Unsent) -> None:
        """Record the key on the source, where the mode asks for it."""
        plan = plan_of(write.state.mode)
        if plan.records_writes or (plan.records_deletes and write.mutation.deletes):
            shape = self._tables[write.mutation.table]
            record(
                self._stores[StoreName.SOURCE], write.mutation, shape=shape, mode=write.state.mode, place=self._place
            )

    def lead_again(self, write: Unsent) -> None:
        """Make a recorded write at the leader, its outcome being unknown; nothing changes if it had taken place."""
        plan = plan_of(write.state.mode)
        self._stores[plan.leader].apply_to(self._tables[write.mutation.table], write.mutation)
        current = self._gate.current()
        if write.state.mode is WriteMode.RECORD and current.mode.is_dual:
            self._recopy(write, current)
        if plan.follower is not None:
            self._journal.mark_leader_done(write.entry_id)

    def follow_again(self, write: Unsent) -> None:
        """Make a write at the follower, where there is one."""
        follower = plan_of(write.state.mode).follower
        if follower is not None:
            self._stores[follower].apply_to(self._tables[write.mutation.table], write.mutation)

    def left_behind(self) -> Iterator[Unsent]:
        """Yield what an earlier process left, newest first, each held at the gate until the leader has it."""
        for entry in reversed(self._journal.pending()):
            payload = dict(entry.payload)
            state = FlagState.from_json(payload.pop("state"))
            shape = self._tables.get(payload["table"])
            if shape is None:
                raise DualWriteError(
                    f"{self._journal.path} holds a write of table {payload['table']}, which this writer was not given. "
                    "Start it with that table too."
                )
            mutation = Mutation.from_json(payload, shape)
            yield Unsent(
                entry_id=entry.entry_id,
                mutation=mutation,
                state=state,
                gate_pass=None if entry.leader_done else self._gate.hold(state),
                partition=(partition := partition_text(shape, mutation.key)),
                lane=lane_of(shape, partition),
            )

    def _recopy(self, write: Unsent, current: FlagState) -> None:
        """Bring a write of RECORD to the target that reached the source after the recopy may have been there."""
        if current.barrier_us is None:
            return
        mutation, shape = write.mutation, self._tables[write.mutation.table]
        recorded = recorded_of(mutation, shape=shape, mode=write.state.mode)
        if mutation.kind.deletes_many:
            recopy_range(self._stores, shape, recorded, barrier_us=current.barrier_us, copied=set())
            return
        history = KeyHistory(key=mutation.key)
        history.add(recorded)
        recopy_key(self._stores, shape, history, barrier_us=current.barrier_us)
