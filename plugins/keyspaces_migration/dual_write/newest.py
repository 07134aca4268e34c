"""What texts stand for, kept for those that were used last: an application may send any number of different texts."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Newest(Generic[Value]):
    """Values by text; beyond `most`, the one that was not used for longest is let go. Used by several threads."""

    def __init__(self, most: int, *, on_first_loss: Callable[[], None]) -> None:
        """Keep what is needed.

        Args:
            most: How many are kept.
            on_first_loss: Called once, when the first one is let go.
        """
        self._most, self._on_first_loss = most, on_first_loss
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._lock = threading.Lock()
        self._has_lost = False

    def get(self, text: str) -> Value | None:
        """Return a text's value, or None."""
        with self._lock:
            if (found := self._values.get(text)) is not None:
                self._values.move_to_end(text)
            return found

    def keep(self, text: str, value: Value) -> Value:
        """Keep a value, and return it; or the one that another thread has kept meanwhile."""
        with self._lock:
            found = self._values.setdefault(text, value)
            self._values.move_to_end(text)
            is_first_loss = len(self._values) > self._most and not self._has_lost
            if len(self._values) > self._most:
                self._values.popitem(last=False)
                self._has_lost = True
        if is_first_loss:
            self._on_first_loss()
        return found

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._values)
