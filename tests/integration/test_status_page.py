"""The status page in a real Airflow and a real browser, on a ledger that the test records into."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.looks import LookedAt, LookLedger, ReadinessLook
from keyspaces_provider.status_page import PREFIX
from rehearsal.browser import airflow_page
from rehearsal.servers.airflow import ledger_keyring
from rehearsal.servers.connections import SAMPLE, connection_ids
from rehearsal.settings import Component, WorldPorts, WorldSettings
from rehearsal.world import World
from tests.unit.keyspaces_migration.ledger.full_ledger import fill
from tests.unit.keyspaces_migration.status.a_ledger import NOW, Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

LEDGER = connection_ids(SAMPLE)["ledger"]
UI_ROUTE = "/plugin/keyspaces-migrations"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("status-page") / "world"
    settings = WorldSettings(home=home, ports=WorldPorts.free(), components=frozenset({Component.AIRFLOW}))
    with World(settings) as up:
        with up.airflow.api() as api:
            api.wait_for_dag("flights.assess")
        yield up


@pytest.fixture(scope="module")
def recorder(world: World) -> Recorder:
    """A migration that is ready to be cut over, and one that nobody may read: Airflow has no DAG of it."""
    keyring = ledger_keyring(world.home)
    recorder = Recorder(ledger=open_ledger(f"sqlite:///{world.home / 'ledger' / 'ledger.db'}", keyring=keyring))
    recorder.until_ready()
    finding = LookedAt(criterion="checks", state="unmet", observed="1 passed", required="3 passed")
    LookLedger(recorder.ledger).record(
        ReadinessLook(migration="flights", dag_id="flights.cutover", run_id="one", findings=(finding,), looked_at=NOW)
    )
    fill(recorder.ledger, migration="secret")
    return recorder


@pytest.fixture(scope="module")
def page(world: World, recorder: Recorder) -> Iterator[Page]:
    assert recorder.ledger.migrations() == ("flights", "secret")
    with airflow_page(world.airflow.url, user="admin", password=world.airflow.users["admin"]) as opened:
        yield opened


def get(world: World, path: str, *, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"{world.airflow.url}{PREFIX}{path}", headers=headers, trust_env=False, timeout=60)


def token_of(world: World, user: str) -> str:
    credentials = {"username": user, "password": world.airflow.users[user]}
    answer = httpx.post(f"{world.airflow.url}/auth/token", json=credentials, trust_env=False, timeout=60)
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("path", ["/", f"/migration/{LEDGER}/flights", "/static/status.js", "/static/status.css"])
def test_nobody_is_let_in_without_a_login(world: World, path: str) -> None:
    assert get(world, path).status_code == httpx.codes.UNAUTHORIZED


def test_what_a_user_may_not_read_is_neither_listed_nor_shown(world: World, recorder: Recorder) -> None:
    assert "secret" in recorder.ledger.migrations()
    token = token_of(world, "gate-reader")
    index = get(world, "/", token=token)
    assert index.status_code == httpx.codes.OK
    assert ">flights</a>" in index.text
    assert "secret" not in index.text
    assert get(world, f"/migration/{LEDGER}/secret", token=token).status_code == httpx.codes.NOT_FOUND
    assert get(world, "/migration/flights_snowflake/flights", token=token).status_code == httpx.codes.NOT_FOUND


def test_it_is_a_view_of_airflows_own_ui_and_its_links_leave_the_frame(world: World, page: Page) -> None:
    page.goto(world.airflow.url)
    page.get_by_role("link", name="Migrations", exact=True).first.click()
    page.wait_for_url(f"**{UI_ROUTE}**")
    frame = page.frame_locator("iframe[title='Migrations']")
    frame.get_by_role("link", name="flights", exact=True).click()
    expect(frame.locator("#headline")).to_have_text(
        "Writes go to both stores; the source leads. All reads are on the source."
    )
    expect(frame.get_by_role("row", name=re.compile("checks.*unmet"))).to_be_visible()
    frame.get_by_role("link", name="Run flights.cutover").click()
    page.wait_for_url("**/dags/flights.cutover")


def test_a_change_is_shown_by_itself_and_read_aloud(world: World, recorder: Recorder, page: Page) -> None:
    page.goto(f"{world.airflow.url}{PREFIX}/migration/{LEDGER}/flights")
    page.locator("summary").first.click()
    recorder.flag(WriteMode.DUAL_SOURCE_LEADS, version=3, percent=10)
    expect(page.locator("#headline")).to_contain_text("10 % of the partitions are read on the target", timeout=30_000)
    expect(page.locator("#history")).to_have_attribute("open", "")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "10")
    assert page.get_by_role("status").count() == 1


def test_the_keyboard_reaches_everything_and_refreshing_can_be_paused(world: World, page: Page) -> None:
    page.goto(f"{world.airflow.url}{PREFIX}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause refreshing")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Paused: what is shown may be old.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Refreshes every 10 s.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_themes(world: World, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{world.airflow.url}{PREFIX}/migration/{LEDGER}/flights")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(numbers(ground)) < 64) == (scheme == "dark")
    for selector in ("body", "a", "caption", "tr.unmet td:nth-child(2)"):
        ink = page.evaluate(f"getComputedStyle(document.querySelector({selector!r})).color")
        assert contrast(ink, ground) >= 4.5, (selector, ink, ground)  # WCAG 2.2, 1.4.3


def test_nothing_is_fetched_from_elsewhere_and_no_script_fails(world: World, page: Page) -> None:
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda message: failed.append(message.text) if message.type == "error" else None)
    page.goto(f"{world.airflow.url}{PREFIX}/migration/{LEDGER}/flights")
    expect(page.get_by_role("status")).to_have_text("Refreshes every 10 s.")
    assert asked
    assert all(url.startswith(world.airflow.url) for url in asked), asked
    assert failed == []


def test_a_ledger_that_cannot_be_looked_at_is_said_so(world: World, recorder: Recorder, page: Page) -> None:
    with recorder.ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE milestones SET milestone = 'retired' WHERE milestone = 'assessed'")
    try:
        page.goto(f"{world.airflow.url}{PREFIX}/migration/{LEDGER}/flights")
        expect(page.get_by_text("Could not look.")).to_be_visible()
        expect(page.get_by_text(re.compile("signature"))).to_be_visible()
        page.goto(f"{world.airflow.url}{PREFIX}/")
        expect(page.get_by_text("Could not look.")).to_be_visible()
    finally:
        with recorder.ledger.database.writing() as connection:
            connection.exec_driver_sql("UPDATE milestones SET milestone = 'assessed' WHERE milestone = 'retired'")
    page.goto(f"{world.airflow.url}{PREFIX}/")
    expect(page.get_by_role("heading", name="flights")).to_be_visible()


def numbers(colour: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", colour)[:3]]


def contrast(ink: str, ground: str) -> float:
    """The ratio of WCAG 2.2, "contrast ratio"."""

    def luminance(colour: str) -> float:
        parts = [value / 255 for value in numbers(colour)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(ink), luminance(ground)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
