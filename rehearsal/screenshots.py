"""The pictures in docs/, taken of a world that has run its stages: `make screenshots`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.browser import HEIGHT, WIDTH, airflow_page, open_page
from rehearsal.run import MIGRATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from rehearsal.world import World


def take(world: World, folder: Path) -> Iterator[Path]:
    """Take each picture and yield its path.

    Raises:
        NoBrowserError: there is no Chromium.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = world.airflow.url
    with world.airflow.api() as api:
        (run, *_) = api.call("GET", f"/dags/{MIGRATION}.assess/dagRuns", params={"order_by": "-run_after"})["dag_runs"]
    with airflow_page(url, user="admin", password=world.airflow.users["admin"]) as page:
        open_page(page, f"{url}/dags?tags=keyspaces-migration")
        page.get_by_text(f"{MIGRATION}.assess").first.wait_for()
        yield _picture(page, folder / "dag-list.png")
        open_page(page, f"{url}/dags/{MIGRATION}.assess/runs/{run['dag_run_id']}")
        page.get_by_text("record_run").first.wait_for()
        yield _picture(page, folder / "assess-run.png")
        open_page(page, f"{url}/dags/{MIGRATION}.assess/runs/{run['dag_run_id']}/tasks/assess")
        page.get_by_text("rules were applied").first.wait_for()
        # The log opens at its end; the report's summary is above it.
        page.mouse.move(WIDTH / 2, HEIGHT / 2)
        page.mouse.wheel(0, -100_000)
        page.get_by_text("Assessment of keyspace").first.wait_for()
        yield _picture(page, folder / "assess-report.png")
        open_page(page, f"{url}/connections")
        page.get_by_text("flights_keyspaces").first.wait_for()
        yield _picture(page, folder / "connections.png")
        yield _connection_form(page, folder / "connection-form.png")


def _connection_form(page: Page, path: Path) -> Path:
    page.get_by_role("button", name="Add Connection").first.click()
    kind = page.get_by_role("combobox").first
    kind.click()
    kind.press_sequentially("Amazon Keyspaces")
    page.get_by_role("option", name="Amazon Keyspaces").or_(
        page.get_by_text("Amazon Keyspaces", exact=True)
    ).first.click()
    page.get_by_text("Host").first.wait_for()
    return _picture(page, path)


def _picture(page: Page, path: Path) -> Path:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)
    return path
