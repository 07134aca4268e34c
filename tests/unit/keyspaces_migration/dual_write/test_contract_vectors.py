"""The vectors of the writer's contract: what writers in other languages test themselves with, holds of this one.

They are part of the contract: a change here is a new form, which writers that run already do not know.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.cql.json_codec import canonical_text, decode_columns, decode_value, encode_value
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.accounts import Tally
from keyspaces_migration.dual_write.clock import TimestampClock, cell_timestamp_us, delete_timestamp_us
from keyspaces_migration.dual_write.control_tables import WRITERS_TABLE
from keyspaces_migration.dual_write.elements import ElementChange, ElementSign, elements_from_json, elements_to_json
from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.letters import Letter
from keyspaces_migration.dual_write.lists import list_step_us
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.read_accounts import StoreReads, reads_to_counters
from keyspaces_migration.dual_write.recorded import bucket_of
from keyspaces_migration.dual_write.routing import partition_slot, partition_text
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName

DOCS = Path(__file__).parents[4] / "docs"
VECTORS: dict[str, Any] = json.loads((DOCS / "writer-contract-vectors.json").read_text(encoding="utf-8"))
STAMPS = {
    "recorded delete": lambda own, barrier: delete_timestamp_us(own, barrier_us=barrier),
    "recopied cell": lambda own, barrier: cell_timestamp_us(own, barrier_us=barrier),
    "write in a dual mode": lambda own, barrier: TimestampClock(now_us=lambda: own).next_us(barrier_us=barrier),
}


@pytest.mark.parametrize("flag", VECTORS["flags"]["valid"])
def test_a_valid_flag_is_read_and_written_alike(flag: dict[str, Any]) -> None:
    state = FlagState.from_json(flag)
    assert state.to_appconfig()["values"]["keyspaces_migration"] == flag


@pytest.mark.parametrize("flag", VECTORS["flags"]["invalid"])
def test_an_invalid_flag_is_an_error(flag: dict[str, Any]) -> None:
    with pytest.raises(FlagFormatError):
        FlagState.from_json(flag)


@pytest.mark.parametrize("vector", VECTORS["slots"])
def test_a_partition_has_its_text_and_its_slot(vector: dict[str, Any]) -> None:
    columns = {name: parse_type(text) for name, text in vector["types"].items()}
    shape = TableShape(name="t", columns=columns, partition_keys=tuple(columns))
    text = partition_text(shape, decode_columns(vector["partition_key"], columns))
    assert (text, partition_slot(text)) == (vector["text"], vector["slot"])


@pytest.mark.parametrize("vector", VECTORS["buckets"])
def test_a_recorded_key_has_its_bucket(vector: dict[str, Any]) -> None:
    assert bucket_of(vector["key_json"]) == vector["bucket"]


@pytest.mark.parametrize("vector", VECTORS["values"])
def test_a_value_has_its_form_and_its_text(vector: dict[str, Any]) -> None:
    cql_type = parse_type(vector["type"])
    form = encode_value(decode_value(vector["json"], cql_type), cql_type)
    assert form == vector["json"]
    assert canonical_text(form) == vector["text"]


@pytest.mark.parametrize("vector", VECTORS["times_to_live"])
def test_what_is_sent_late_is_sent_with_what_is_left(vector: dict[str, Any]) -> None:
    mutation = Mutation(
        table="t",
        kind=MutationKind.INSERT,
        key={},
        columns={},
        timestamp_us=int(vector["timestamp_us"]),
        ttl_s=vector["ttl_s"],
    )
    assert mutation.left_s(int(vector["now_us"])) == vector["sent_ttl_s"]


@pytest.mark.parametrize("vector", VECTORS["list_steps"])
def test_a_list_is_sent_its_step_above_its_timestamp(vector: dict[str, Any]) -> None:
    assert list_step_us(int(vector["age_us"])) == vector["step_us"]


@pytest.mark.parametrize("vector", VECTORS["elements"])
def test_a_change_of_elements_has_its_form(vector: dict[str, Any]) -> None:
    columns = {"id": parse_type("int"), "c": parse_type(vector["type"])}
    shape = TableShape(name="t", columns=columns, partition_keys=("id",))
    gives_values = vector["type"].startswith("map") and vector["sign"] == "+"
    elements = dict(vector["value"]) if gives_values else set(vector["value"])
    changes = {"c": ElementChange(ElementSign(vector["sign"]), elements)}
    assert elements_to_json(changes, shape) == {"c": vector["form"]}
    assert elements_from_json({"c": vector["form"]}, shape) == changes


@pytest.mark.parametrize("vector", VECTORS["stamps"])
def test_around_the_barrier_each_has_its_stamp(vector: dict[str, Any]) -> None:
    assert STAMPS[vector["of"]](int(vector["own_us"]), int(vector["barrier_us"])) == int(vector["stamp_us"])


@pytest.mark.parametrize("vector", VECTORS["letters"])
def test_a_letter_has_its_id_and_its_write_s_text(vector: dict[str, Any]) -> None:
    columns = {name: parse_type(text) for name, text in {"id": "int", "name": "text", "note": "text"}.items()}
    shape = TableShape(name="t", columns=columns, partition_keys=("id",))
    letter = Letter(
        migration=vector["migration"],
        writer_id=vector["writer"],
        entry_id=vector["entry"],
        store=StoreName(vector["store"]),
        mode=WriteMode.DUAL_SOURCE_LEADS,
        barrier_us=1,
        flag_version=1,
        leader_acknowledged=True,
        mutation=Mutation.from_json(json.loads(vector["write"]), shape),
        reason=ReasonClass.OTHER,
        text="",
        attempts=1,
    )
    assert letter.write_text(shape) == vector["write"]
    assert letter.envelope(vector["write"])["id"] == vector["id"]


def test_the_contract_names_the_vectors_and_shows_the_same_slots() -> None:
    contract = (DOCS / "writer-contract.md").read_text(encoding="utf-8")
    assert "(writer-contract-vectors.json)" in contract
    for vector in VECTORS["slots"][:2]:
        assert f"`{vector['text']}` | {vector['slot']} |" in contract


def test_the_contract_says_of_every_column_of_the_writers_table_what_it_holds() -> None:
    contract = (DOCS / "writer-contract.md").read_text(encoding="utf-8")
    described = contract.partition("| column | what it holds |\n")[2].partition("\n\n")[0]
    named = {name for line in described.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named == set(re.findall(r"^  (\w+) ", WRITERS_TABLE, re.MULTILINE)) - {"PRIMARY"}
    reads = reads_to_counters({name: StoreReads(count=1, failed=0, recent=1, p99_us=1) for name in StoreName})
    counters = {*Tally().read().counters(), *(key for key in reads if key.startswith(StoreName.SOURCE))}
    assert counters <= set(re.findall(r"`(\w+)`", described))
