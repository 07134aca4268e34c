"""A real browser on the local world's Airflow: for tests of what people see, and for the pictures in docs/."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

WIDTH, HEIGHT = 1440, 900
TIMEOUT_MS = 60_000
# Nothing of the browser's own may look for the internet, and a container has no sandbox for it.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoBrowserError(WorldError):
    """No Chromium on this machine."""


def chromium() -> str:
    """Path of the browser.

    Raises:
        NoBrowserError: there is none; the message says how to get one.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise NoBrowserError("no chromium on PATH: apt-get install chromium, or `tools/setup.sh with-browser`")
    return found


@contextmanager
def airflow_page(url: str, *, user: str, password: str) -> Iterator[Page]:
    """A page that is logged in to the Airflow at `url`, on its home."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(FLAGS))
        try:
            page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(url)
            page.locator("input[name=username]").fill(user)
            page.locator("input[name=password]").fill(password)
            page.locator("button[type=submit]").click()
            page.wait_for_url(lambda address: "login" not in address)
            page.wait_for_load_state("networkidle")
            yield page
        finally:
            browser.close()


def open_page(page: Page, address: str) -> Page:
    """Go to `address` and wait until the page has what it asked for."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return page
