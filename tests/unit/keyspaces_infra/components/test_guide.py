"""The guide's snippets are programs that run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.keyspaces_infra.pulumi_recorder import declared

GUIDE = Path(__file__).parents[4] / "docs/guides/components.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


def components_of(snippet: str, *, number: int) -> set[str]:
    """Which components a snippet declares, by running it as a program."""
    code = compile(snippet, f"{GUIDE.name}, snippet {number}", "exec", dont_inherit=True)
    recorder = declared(lambda: exec(code, {"__name__": f"snippet_{number}"}))  # noqa: S102 - the guide is ours
    ours = "keyspaces-migration:index:"
    return {typ.removeprefix(ours) for typ, _ in recorder.asked if typ.startswith(ours)}


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_runs_as_it_stands_and_declares_a_component(number: int) -> None:
    assert components_of(SNIPPETS[number], number=number)


@pytest.mark.parametrize(
    "component",
    [
        "ZipLambda",
        "ImageLambda",
        "DeadLetterQueue",
        "LettersBucket",
        "WriterPolicy",
        "TableAlarms",
        "FeatureFlag",
        "Dashboard",
    ],
)
def test_the_guide_shows_every_component(component: str) -> None:
    assert any(f"{component}(" in snippet for snippet in SNIPPETS)
