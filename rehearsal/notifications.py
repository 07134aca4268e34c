"""The rehearsal's channel: each message is a file, so that what would have been sent can be read and counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context


class FileNotifier(BaseNotifier):
    """Writes each message as a JSON file.

    Args:
        folder: Where; a relative path lies under Airflow's home.
        kind: The event's kind.
        severity: The event's severity.
        title: One line.
        text: The whole message.
    """

    template_fields = ("kind", "severity", "title", "text")

    def __init__(self, *, folder: str, kind: str, severity: str, title: str, text: str) -> None:
        super().__init__()
        self.folder = folder
        self.kind = kind
        self.severity = severity
        self.title = title
        self.text = text

    def notify(self, context: Context) -> None:
        """Write the file, whole or not at all: others may be reading the folder."""
        folder = Path(AIRFLOW_HOME) / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        ti = context["ti"]
        message = {name: getattr(self, name) for name in self.template_fields}
        message |= {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id}
        name = f"{time.time_ns()}-{uuid4().hex[:8]}"
        unfinished = folder / f".{name}"
        unfinished.write_text(json.dumps(message, indent=1, ensure_ascii=False), encoding="utf-8")
        unfinished.rename(folder / f"{name}.json")


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, as its file holds it."""

    kind: str
    severity: str
    title: str
    text: str
    dag_id: str
    run_id: str
    task_id: str


def read_messages(folder: Path) -> tuple[Message, ...]:
    """The messages in a folder, oldest first; none where the folder is not there yet."""
    files = sorted(folder.glob("*.json"))
    return tuple(Message(**json.loads(file.read_text(encoding="utf-8"))) for file in files)


def counts(messages: tuple[Message, ...]) -> dict[str, int]:
    """How many there are of each kind."""
    return dict(sorted(Counter(message.kind for message in messages).items()))
