"""A person's own migration file as the local world can run it: a copy, and the list of what differs in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from keyspaces_migration.config import Migration
from keyspaces_migration.config.yaml_text import write_yaml
from rehearsal.servers.aws import REGION
from rehearsal.servers.comparison import BUCKET, KEY, STORES, secret_name
from rehearsal.servers.connections import connection_ids
from rehearsal.servers.keyspaces import ACCOUNT

APPROVER = "admin"
SWEEP_ROOM = 2
"""A check sweeps all of a table, and what the application adds to it."""

_ABSENT = "not there"
_NOTIFIER = {
    "files": {
        "notifier": "rehearsal.notifications.FileNotifier",
        "arguments": {
            "folder": "notifications",
            "kind": "{{ event.kind.value }}",
            "severity": "{{ event.severity.value }}",
            "title": "{{ event.title }}",
            "text": "{{ event.text }}",
        },
    }
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """A key of the file that is another one here.

    Attributes:
        path: Of the key in the file.
        yours: What the file says, as text.
        here: What the copy says.
        why: In a few words.
    """

    path: str
    yours: str
    here: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """A migration that the local world runs in a person's place.

    Attributes:
        migration: The copy.
        changes: What differs from the file.
        unrehearsed: What the file asks for and a local world has not.
        rows: How many each table gets.
    """

    migration: Migration
    changes: tuple[Change, ...]
    unrehearsed: tuple[str, ...]
    rows: int

    def as_yaml(self) -> str:
        """The copy as a migration file."""
        return write_yaml(_plain(self.migration))

    def as_page(self) -> str:
        """What was changed, in Markdown."""
        lines = [f"| {each.path} | {_cell(each.yours)} | {_cell(each.here)} | {each.why} |" for each in self.changes]
        page = ["# Changed for the rehearsal", "", "Your file stays as it is; a copy is run.", ""]
        page += ["| key | yours | here | why |", "| --- | --- | --- | --- |", *lines, ""]
        if self.unrehearsed:
            page += ["Not rehearsed:", "", *(f"- {each}" for each in self.unrehearsed), ""]
        return "\n".join(page)


def adapt(migration: Migration, *, rows: int) -> Adapted:
    """Return the migration as the local world runs it, with so many rows in each table."""
    draft = _Draft(_plain(migration))
    _adapt_places(draft, migration)
    _adapt_people(draft)
    _adapt_load(draft)
    _adapt_checks(draft, migration, rows=rows)
    _adapt_cutover(draft)
    _adapt_function(draft, migration)
    _adapt_keys(draft)
    made = Migration.model_validate_json(json.dumps(draft.content))
    before, after = _plain(migration), _plain(made)
    # What only writes a default out is no change.
    changes = tuple(each for each in draft.changes if _value_at(before, each.path) != _value_at(after, each.path))
    lost = dict.fromkeys(draft.lost[each.path] for each in changes if each.path in draft.lost)
    return Adapted(migration=made, changes=changes, unrehearsed=tuple(lost), rows=rows)


class _Draft:
    """The content of the copy while it is made."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.changes: list[Change] = []
        self.lost: dict[str, str] = {}

    def set(self, path: str, value: Any, why: str, *, lost: str = "") -> None:  # noqa: ANN401 -- any JSON
        """Set a key if it says something else.

        Args:
            path: Keys and dots; where a map on the way is null, nothing is done.
            value: What it says here.
            why: For the table.
            lost: What the file asked for that is then not rehearsed.
        """
        *way, last = path.split(".")
        place: Any = self.content
        for key in way:
            place = place.get(key)
            if place is None:
                return
        before = place.get(last)
        if before == value:
            return
        place[last] = value
        self.changes.append(Change(path=path, yours=_shown(before), here=_shown(value), why=why))
        if lost:
            self.lost[path] = lost

    def get(self, path: str) -> Any:  # noqa: ANN401 -- any JSON
        """What a key says; None below a key that is null."""
        return _value_at(self.content, path)


def _adapt_places(draft: _Draft, migration: Migration) -> None:
    draft.set("environment.disposable", True, "nothing in the local world is worth keeping")
    for key, value in connection_ids(migration.name).items():
        draft.set(f"connections.{key}", value, "a connection of the local world")
    draft.set("target.region", REGION, "the stand-in's Region")
    draft.set("target.account_id", ACCOUNT.account_id, "the stand-in's account")
    roles = "the rights of IAM roles: the stand-in checks none"
    draft.set("target.via_roles", [], "the stand-in has no such role", lost=roles)
    draft.set("target.role_name", None, "the stand-in has no such role", lost=roles)
    draft.set("reports.path", "reports", "under the world's home")
    state = "your Pulumi backend and its secrets provider"
    draft.set("provisioning.backend", None, "a folder under the world's home", lost=state)
    draft.set("provisioning.secrets_provider", "passphrase", "a passphrase of the world's own", lost=state)


def _adapt_people(draft: _Draft) -> None:
    draft.set("approvals.approvers", [APPROVER], "the world's user who approves", lost="several people who approve")
    draft.set("approvals.required", 1, "as above")
    draft.set(
        "access", None, "the world's auth manager has no rights of single DAGs", lost="access: who may see which DAG"
    )
    lost = "your channels of notification; each message is a file here"
    draft.set("notifications.channels", _NOTIFIER, "each message is a file", lost=lost)
    draft.set("alarms.topic_arns", [], "no such topic here", lost="the SNS topics of alarms")


def _adapt_load(draft: _Draft) -> None:
    if draft.get("backfill.spark") is not None:
        draft.set(
            "backfill.engine", "AIRFLOW", "no Spark here", lost="the load by Spark; Airflow's workers run the same code"
        )
        draft.set("backfill.spark", None, "as above")
    lost = "the history unloaded as files: it is read by queries"
    draft.set("backfill.unload", None, "the stand-in has no external stage", lost=lost)


def _adapt_checks(draft: _Draft, migration: Migration, *, rows: int) -> None:
    draft.set("consistency.schedule", "@daily", "a check that begins by itself would hold up those that are asked for")
    draft.set("consistency.settle_time", "PT5S", "shorter, to see all stages in one sitting")
    draft.set("consistency.tolerated_mismatch_rate", 0.0, "the few rows that are damaged shall fail a check")
    if migration.consistency.sweep_rows < SWEEP_ROOM * rows:
        draft.set("consistency.sweep_rows", SWEEP_ROOM * rows, "the cutover asks for a complete sweep")
    lost = "history_lag: nothing carries the source's changes into the history here, so it can't be blamed for old rows"
    draft.set("consistency.history_lag", None, "nothing feeds the history here", lost=lost)
    draft.set("dead_letters.schedule", None, "letters are replayed when the rehearsal says so")
    draft.set("dead_letters.provision_bucket", False, "no letter here is above 256 KB")
    draft.set("dead_letters.payload_bucket", None, "no such bucket here", lost="the bucket of letters above 256 KB")


def _adapt_cutover(draft: _Draft) -> None:
    shorter = "shorter, to see all stages in one sitting"
    for key, value in {
        "waiting_period": "PT2M",
        "consecutive_passes": 2,
        "canary_steps": [10, 50, 100],
        "bake_time": "PT30S",
        "min_compared_reads": 100,
        "retire_after": "PT1M",
        "watch.interval": "PT10S",
    }.items():
        draft.set(f"cutover.{key}", value, shorter)
    draft.set("cutover.max_check_age", "P1D", shorter)
    everything = "everything shares one machine here"
    draft.set("cutover.watch.max_p99_ratio", 5.0, everything, lost="latencies of the canary")
    draft.set("cutover.watch.tolerated_p99_ms", 2000, everything)
    draft.set("cutover.alarm_arns", [], "no such alarm here", lost="your own alarms as a reason to go back")


def _adapt_function(draft: _Draft, migration: Migration) -> None:
    if migration.comparison_lambda is None:
        return
    own = "your build of the comparison Lambda: the world's own Zip runs"
    code = "what the world puts into the stand-in"
    draft.set("comparison_lambda.image", None, code, lost=own)
    draft.set("comparison_lambda.zip", f"s3://{BUCKET}/{KEY}", code)
    draft.set("comparison_lambda.zip_version", None, code)
    draft.set("comparison_lambda.architecture", "x86_64", code)
    draft.set("comparison_lambda.layers", [], code, lost=own)
    for store in STORES:
        draft.set(f"comparison_lambda.secrets.{store}", secret_name(migration.name, store), code)
    if migration.comparison_lambda.results is not None:
        draft.set("comparison_lambda.results", f"s3://{BUCKET}/results", code)
    vpc = "the Lambda's VPC: the stand-in has no networks, so whether it reaches your stores is not seen"
    draft.set("comparison_lambda.vpc", None, "the stand-in has no networks", lost=vpc)
    draft.set("comparison_lambda.reserved_concurrency", None, "one machine")
    lost = "the Lambda's own schedule"
    draft.set("comparison_lambda.schedule", None, "calls between the checks would be in their way", lost=lost)


def _adapt_keys(draft: _Draft) -> None:
    lost = "customer managed KMS keys: the stand-in encrypts nothing"
    draft.set("target.encryption_key_arn", None, "no such key here", lost=lost)
    for name in draft.content["tables"]:
        draft.set(f"tables.{name}.encryption_key_arn", None, "no such key here", lost=lost)


def _value_at(content: Any, path: str) -> Any:  # noqa: ANN401 -- any JSON
    place = content
    for key in path.split("."):
        place = None if place is None else place.get(key)
    return place


def _plain(migration: Migration) -> dict[str, Any]:
    content: dict[str, Any] = migration.model_dump(mode="json", by_alias=True)
    return content


def _shown(value: Any) -> str:  # noqa: ANN401 -- any JSON
    if value is None or value == []:
        return _ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    shortest = text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 -- a table is to be read
    return shortest.replace("|", "\\|")
