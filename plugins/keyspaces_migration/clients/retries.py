"""When the driver may send a statement a second time."""

from cassandra.policies import RetryPolicy

Decision = tuple[int, int | None]
"""What to do, and at which consistency."""


class IdempotentRetryPolicy(RetryPolicy):  # type: ignore[misc]  # the driver ships no types
    """Retries as the driver does, but what may have run only once, and only if the statement is marked idempotent.

    The driver's own policy sends every statement to the next node when a connection is lost or a server fails, with
    the first attempt perhaps carried out: a counter counts twice, and a lightweight transaction that won reports that
    it lost.
    """

    def on_request_error(self, query: object, *_details: object, retry_num: int, **_more: object) -> Decision:
        """Try the next node once, if the statement is idempotent; otherwise raise."""
        if retry_num == 0 and getattr(query, "is_idempotent", False):
            return self.RETRY_NEXT_HOST, None
        return self.RETHROW, None

    def on_write_timeout(self, query: object, *details: object, **more: object) -> Decision:
        """As the driver (once, when the batch log was not written), if the statement is idempotent."""
        if not getattr(query, "is_idempotent", False):
            return self.RETHROW, None
        decision: Decision = super().on_write_timeout(query, *details, **more)
        return decision
