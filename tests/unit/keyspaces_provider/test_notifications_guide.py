"""The channels of the guide are valid, and the classes that are installed here take their arguments."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from keyspaces_migration.config import EventKind, Migration, load_migration
from keyspaces_migration.events import WORDINGS, Place, happening
from keyspaces_provider.notifications import NotifierUnusableError, notifier_of

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/notifications.md").read_text(encoding="utf-8")


@pytest.fixture
def guided(tmp_path: Path) -> Migration:
    """The sample's migration file with the guide's section in place of its own."""
    section = yaml.safe_load(GUIDE.split("```yaml\n")[1].split("```")[0])
    content: dict[str, Any] = yaml.safe_load((ROOT / "dags/migrations/flights.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "flights.yaml"
    path.write_text(yaml.safe_dump({**content, **section}, sort_keys=False), encoding="utf-8")
    return load_migration(path)


@pytest.mark.parametrize(("name", "field"), [("on_call", "message"), ("mail", "html_content")])
def test_the_classes_take_the_arguments_and_render_the_event(guided: Migration, name: str, field: str) -> None:
    notifier = notifier_of(name, guided.notifications.channels[name])
    place = Place(migration="flights", dag_id="flights.drift", url="http://airflow/x")
    event = happening(EventKind.DRIFT, migration=guided, place=place, happened="A table has gone.")
    context: Any = {"event": event}
    notifier.render_template_fields(context)
    rendered = vars(notifier)
    assert "A table has gone." in rendered[field]
    assert "https://wiki.example.com/keyspaces/runbooks/drift.md" in rendered[field]
    assert rendered["subject"] == "WARNING flights: others have changed what provision made"
    assert len(rendered["subject"]) <= 100


def test_a_provider_that_is_not_installed_is_named_with_what_to_do(guided: Migration) -> None:
    with pytest.raises(NotifierUnusableError, match=r"channels\.team: .*SlackNotifier can't be imported .*Install its"):
        notifier_of("team", guided.notifications.channels["team"])


@pytest.mark.parametrize("kind", EventKind)
def test_the_guide_has_every_event_with_its_severity(kind: EventKind) -> None:
    (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| `{kind.value}` |")]
    said = row.split("|")[2].strip().split(" ")[0].rstrip(";")
    # The barrier is less severe at first.
    assert said == ("WARNING" if kind is EventKind.BARRIER_AT_RISK else WORDINGS[kind].severity.value)


def test_what_the_guide_says_of_an_event_is_there() -> None:
    (said,) = [line for line in GUIDE.split("\n\n") if "Of `event` there are" in line]
    names = {"kind", "severity", "migration", "title", "text", "html", "happened", "at_risk", "next_step", "runbook"}
    event = happening(
        EventKind.DRIFT,
        migration=load_migration(ROOT / "dags/migrations/flights.yaml"),
        place=Place(migration="flights", dag_id="flights.drift"),
        happened="x",
    )
    for name in names | {"facts"}:
        assert f"`{name}`" in said
        assert hasattr(event, name)
