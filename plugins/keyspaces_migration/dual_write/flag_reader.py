"""The flag as an application reads it: polled from AppConfig, the last known state kept while it can't be reached."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from keyspaces_migration.dual_write.errors import FlagFormatError, FlagUnavailableError
from keyspaces_migration.dual_write.flag import FlagState

MIN_POLL_S = 15
"""AppConfig takes no shorter RequiredMinimumPollIntervalInSeconds."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FlagAddress:
    """Where the flag is: names or ids, as StartConfigurationSession takes them."""

    application: str
    environment: str
    profile: str


class FlagReader:
    """Polls the flag in a thread of its own.

    A state with a lower version than the last is taken too: it is how AppConfig reverses a deployment by itself.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 -- boto3's client of "appconfigdata" has no type of its own
        address: FlagAddress,
        *,
        poll_interval_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the client.

        Args:
            client: boto3's, of the service appconfigdata; its time-outs are the reader's.
            address: Which flag.
            poll_interval_s: None obeys AppConfig, which answers no sooner than every 15 s; a shorter interval is for
                the local world.
            clock: Seconds, growing.
        """
        self._client = client
        self._address = address
        self._poll_interval_s = poll_interval_s
        self._clock = clock
        self._state: FlagState | None = None
        self._token: str | None = None
        self._next_poll_s = float(MIN_POLL_S)
        self._confirmed_at = clock()
        self._problem: str | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read the flag once and go on in the background.

        Raises:
            FlagUnavailableError: It can't be read.
            FlagFormatError: It is read and is no flag of ours.
        """
        self.refresh()
        if self._state is None:
            raise FlagUnavailableError(f"{self._address} has no configuration deployed: deploy the flag first")
        self._thread = threading.Thread(target=self._run, name="flag-reader", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """Read the flag now, in a session of its own: AppConfig answers each session only every 15 s.

        Raises:
            FlagUnavailableError: It can't be read.
            FlagFormatError: It is read and is no flag of ours.
        """
        with self._lock:
            self._token = None
            try:
                self._poll()
            except FlagFormatError:
                raise
            except Exception as error:  # boto3 raises classes of many families, made at run time
                raise FlagUnavailableError(f"the flag of {self._address} can't be read: {error}") from error

    def stop(self) -> None:
        """End the polling."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def current(self) -> FlagState:
        """Return the last known state.

        Raises:
            FlagUnavailableError: Before `start`.
        """
        if self._state is None:
            raise FlagUnavailableError(f"the flag of {self._address} was not read yet: call start()")
        return self._state

    @property
    def age_s(self) -> float:
        """Seconds since AppConfig last confirmed the state."""
        return self._clock() - self._confirmed_at

    @property
    def problem(self) -> str | None:
        """Why the last poll failed, or None."""
        return self._problem

    def poll(self) -> None:
        """Ask once. Errors are boto3's own, or FlagFormatError; the state stays as it was."""
        with self._lock:
            self._poll()

    def _poll(self) -> None:
        token, self._token = self._token, None  # a token is good for one call, whatever comes of it
        if token is None:
            address = self._address
            answer = self._client.start_configuration_session(
                ApplicationIdentifier=address.application,
                EnvironmentIdentifier=address.environment,
                ConfigurationProfileIdentifier=address.profile,
                RequiredMinimumPollIntervalInSeconds=MIN_POLL_S,
            )
            token = answer["InitialConfigurationToken"]
        answer = self._client.get_latest_configuration(ConfigurationToken=token)
        content = answer["Configuration"].read()
        if content:  # empty means unchanged
            state = FlagState.from_appconfigdata(content)
            if state != self._state:
                _log.info("flag of %s: %s", self._address, state)
            self._state = state
        self._token = answer["NextPollConfigurationToken"]
        self._next_poll_s = float(answer["NextPollIntervalInSeconds"])
        self._confirmed_at = self._clock()
        self._problem = None

    def _run(self) -> None:
        while not self._stop.wait(self._poll_interval_s or self._next_poll_s):
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001 -- whatever it is, the last known state stays and its age tells
                self._problem = f"{type(error).__name__}: {error}"
                _log.warning("the flag of %s can't be read: %s", self._address, self._problem)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
