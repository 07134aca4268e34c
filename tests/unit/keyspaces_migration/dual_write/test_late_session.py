from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.clients import StoreUnreachableError
from keyspaces_migration.dual_write.errors import StoreAwayError
from keyspaces_migration.dual_write.late_session import LateSession

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = SimpleNamespace()
AWAY = StoreUnreachableError(host="db:9042", found="the connection is refused", hint="Start it.")


class Opening:
    """Fails with the errors it is given, one a try, and then opens."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors, self.tries, self.now_s = list(errors), 0, 100.0

    def connect(self) -> SimpleNamespace:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return SESSION


def late(opening: Opening) -> LateSession:
    connect: Callable[[], object] = opening.connect
    return LateSession(connect, retry_after_s=5.0, clock=lambda: opening.now_s)


def test_it_is_opened_once_and_when_it_is_needed() -> None:
    opening = Opening()
    session = late(opening)
    assert opening.tries == 0
    assert session.get() is session.get() is SESSION
    assert opening.tries == 1


@pytest.mark.parametrize(
    ("error", "text", "lines"),
    [
        (AWAY, str(AWAY), 0),
        (RuntimeError("can't start new thread"), "RuntimeError: can't start new thread", 1),
        (OSError(24, "Too many open files"), "OSError: [Errno 24] Too many open files", 1),
    ],
)
def test_whatever_goes_wrong_the_store_is_away_and_tried_again_later(
    error: Exception, text: str, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    opening = Opening(error)
    session = late(opening)
    for opening.now_s in (100.0, 104.9):
        with pytest.raises(StoreAwayError) as caught:
            session.get()
        assert str(caught.value) == text
        assert caught.value.__cause__ is error
    assert opening.tries == 1
    assert len(caplog.records) == lines
    opening.now_s = 105.0
    assert session.get() is SESSION


def test_an_end_that_was_asked_for_is_no_store_that_is_away() -> None:
    opening = Opening(KeyboardInterrupt())
    session = late(opening)
    with pytest.raises(KeyboardInterrupt):
        session.get()
    assert session.get() is SESSION
