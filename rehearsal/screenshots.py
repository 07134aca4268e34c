"""The pictures in docs/, taken of a world that has run its stages: `make screenshots`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from keyspaces_provider.status_page import URL_ROUTE
from rehearsal.browser import HEIGHT, WIDTH, airflow_page, open_page
from rehearsal.servers.connections import SAMPLE as MIGRATION

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
        stages = ("assess", "provision", "consistency_check", "cutover")
        runs = {stage: api.run_ids(f"{MIGRATION}.{stage}")[-1] for stage in stages}
        # The first one had something to do; the later ones only say that nothing is left.
        report = api.returned(f"{MIGRATION}.assess", runs["assess"], "assess")["html"]
        runs["provision"] = api.run_ids(f"{MIGRATION}.provision")[0]
    with airflow_page(url, user="admin", password=world.airflow.users["admin"]) as page:
        open_page(page, f"{url}/dags?tags=keyspaces-migration")
        page.get_by_text(f"{MIGRATION}.assess").first.wait_for()
        yield _picture(page, folder / "dag-list.png")
        open_page(page, f"{url}/plugin/{URL_ROUTE}")
        frame = page.frame_locator("iframe")
        frame.get_by_role("link", name=MIGRATION, exact=True).click()
        frame.get_by_role("heading", name="The way back").wait_for()
        yield _picture(page, folder / "status-page.png")
        open_page(page, f"{url}/dags/{MIGRATION}.provision/runs/{runs['provision']}")
        page.get_by_text("compare_schema").first.wait_for()
        yield _picture(page, folder / "provision-run.png")
        open_page(page, f"{_task(url, 'provision', runs['provision'], 'approve_1')}/required_actions")
        page.get_by_text("What changes").first.wait_for()
        yield _picture(page, folder / "provision-approval.png")
        page.goto(report)
        yield _picture(page, folder / "assess-report.png")
        page.get_by_role("heading", name="Load, capacity").evaluate("element => element.scrollIntoView()")
        yield _picture(page, folder / "assess-estimate.png")
        open_page(page, f"{_task(url, 'cutover', runs['cutover'], 'approve_1')}/required_actions")
        page.get_by_text("Evidence digest").first.wait_for()
        yield _picture(page, folder / "approval.png")
        check = _task(url, "consistency_check", runs["consistency_check"], "check")
        yield _report(page, check, folder / "consistency-report.png")
        open_page(page, f"{url}/connections")
        page.get_by_text("flights_keyspaces").first.wait_for()
        yield _picture(page, folder / "connections.png")
        yield _connection_form(page, folder / "connection-form.png")


def _task(url: str, stage: str, run_id: str, task_id: str) -> str:
    return f"{url}/dags/{MIGRATION}.{stage}/runs/{run_id}/tasks/{task_id}"


def _report(page: Page, address: str, path: Path) -> Path:
    """A picture of the report in a task's log, from its first heading."""
    open_page(page, address)
    heading = page.get_by_text(re.compile(r"^# ")).first
    # The log opens at its end, and shows only the lines near what is on the screen.
    page.mouse.move(WIDTH / 2, HEIGHT / 2)
    page.wait_for_load_state("networkidle")
    page.mouse.wheel(0, -100_000)
    heading.wait_for()
    heading.evaluate("element => element.scrollIntoView({block: 'start'})")
    return _picture(page, path)


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
