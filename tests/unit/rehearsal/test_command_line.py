from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.__main__ import main, require_addresses
from rehearsal.settings import Component

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("only", "advice"),
    [
        (("aws",), "Add --only target --only keyspaces"),
        (("target",), "Add --only keyspaces"),
        (("keyspaces",), "Add --only target"),
    ],
)
def test_json_about_parts_that_would_not_run_is_refused_on_standard_error_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], only: tuple[str, ...], advice: str
) -> None:
    # A folder that no world takes: were the choice not refused first, the start would fail for this reason.
    home = tmp_path / "world"
    home.mkdir()
    (home / "not-ours").touch()
    parts = [word for part in only for word in ("--only", part)]
    assert main(["up", "--home", str(home), "--json", *parts]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert advice in said.err


def test_json_about_the_whole_world_or_local_keyspaces_alone_is_fine() -> None:
    require_addresses(frozenset(Component))
    require_addresses(frozenset({Component.TARGET, Component.KEYSPACES}))
