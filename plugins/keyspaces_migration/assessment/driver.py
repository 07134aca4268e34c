"""`SourceQueries` over a live session of the Cassandra driver."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from cassandra import AuthenticationFailed, ConsistencyLevel, DriverException, InvalidRequest, Unauthorized
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Host, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.query import SimpleStatement, tuple_factory

from keyspaces_migration.assessment.errors import NoAnswerError, NotPermittedError, NotThereError
from keyspaces_migration.assessment.queries import Row


class DriverQueries:
    """Asks through `session`, which stays the caller's: it is neither changed nor closed here.

    Schema and topology are read from one and the same node, as `system.peers` leaves out the node that answers.

    Args:
        session: An open session to the source.
        timeout_s: How long one question may take.
    """

    def __init__(self, session: Session, *, timeout_s: float = 10.0) -> None:
        self._session = session
        self._timeout_s = timeout_s
        self._pinned: Host | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node in the driver's metadata, those of other data centres and those that are down too."""
        return tuple(sorted(_name(host) for host in self._hosts()))

    @property
    def own_addresses(self) -> frozenset[tuple[str, int]]:
        """Where our own connections start, as this machine sees it (a NAT in between makes the node see another)."""
        return frozenset(_local_addresses(self._session))

    def rows(self, statement: str, values: Sequence[object] = (), *, node: str | None = None) -> list[Row]:
        """See `SourceQueries.rows`."""
        asked = self._host(node) if node is not None else self._pinned
        with _answers(node):
            result = self._session.execute(statement, tuple(values) or None, timeout=self._timeout_s, host=asked)
            rows = [_as_mapping(result.column_names, row) for row in result]
        if node is None:
            self._pinned = result.response_future.coordinator_host
        return rows

    def stream(self, statement: str, values: Sequence[object] = (), /, *, page_rows: int) -> Iterator[tuple[Any, ...]]:
        """See `estimate.sample.RowSource`. One replica is asked, any that the session may use."""
        paged = SimpleStatement(statement, fetch_size=page_rows, consistency_level=ConsistencyLevel.LOCAL_ONE)
        profile = self._session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)
        state: bytes | None = None
        while True:
            with _answers(None):
                page = self._session.execute(
                    paged,
                    tuple(values) or None,
                    timeout=self._timeout_s,
                    execution_profile=profile,
                    paging_state=state,
                )
            yield from page.current_rows
            state = page.paging_state
            if state is None:
                return

    def _hosts(self) -> list[Host]:
        return list(self._session.cluster.metadata.all_hosts())

    def _host(self, node: str) -> Host:
        for host in self._hosts():
            if _name(host) == node:
                return host
        raise NoAnswerError(f"{node} has left the cluster since its nodes were listed")


@contextmanager
def _answers(node: str | None) -> Iterator[None]:
    """The driver's errors as reasons why there is no answer."""
    try:
        yield
    except (Unauthorized, AuthenticationFailed) as refusal:
        raise NotPermittedError(_first_line(refusal)) from refusal
    except InvalidRequest as refusal:
        raise NotThereError(_first_line(refusal)) from refusal
    except NoHostAvailable as failure:
        where = f"no connection to {node}" if node else "no node answers"
        raise NoAnswerError(
            f"{where}: it is down, or in a data centre that this session does not use ({_causes(failure)})",
        ) from failure
    except (DriverException, ConnectionException) as failure:
        raise NoAnswerError(f"{type(failure).__name__}: {_first_line(failure)}") from failure


def _name(host: Host) -> str:
    return f"{host.endpoint.address}:{host.endpoint.port}"


def _as_mapping(names: Sequence[str], row: Any) -> Row:  # noqa: ANN401 -- its type is the session's row factory's
    return row if isinstance(row, dict) else dict(zip(names, row, strict=True))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _causes(failure: NoHostAvailable) -> str:
    causes = [f"{place}: {_first_line(cause)}" for place, cause in dict(failure.errors or {}).items()]
    return "; ".join(sorted(causes)) or "not tried"


def _local_addresses(session: Session) -> Iterator[tuple[str, int]]:
    control = session.cluster.control_connection
    pooled = [connection for pool in session.get_pools() for connection in pool.get_connections()]
    # The driver has no public way to a connection's socket. Should the attribute go, our own connections are
    # listed among the clients and not marked; nothing breaks.
    for connection in [*pooled, getattr(control, "_connection", None)]:
        socket = getattr(connection, "_socket", None)
        with suppress(OSError):  # closed in the meantime: no longer a connection of ours
            if socket is not None:
                yield socket.getsockname()[:2]
