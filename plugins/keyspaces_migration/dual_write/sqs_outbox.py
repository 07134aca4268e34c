"""Letters by Amazon SQS and S3. The only module of a writer that imports boto3, and only where it is used."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Self

from keyspaces_migration.dual_write.errors import LettersUnavailableError
from keyspaces_migration.dual_write.letters import MAX_BODY_BYTES, PayloadPlace

MAX_BATCH = 10
"""Messages that SendMessageBatch takes at once; together they may have as many bytes as one message."""


class SqsOutbox:
    """Sends letters to a queue, and keeps large ones in a bucket. Methods may be called from several threads."""

    def __init__(
        self,
        *,
        sqs: Any,  # noqa: ANN401 -- boto3's clients have no types of their own
        s3: Any,  # noqa: ANN401
        queue_url: str,
        bucket: str | None = None,
        prefix: str = "dead-letters/",
    ) -> None:
        """Keep the clients.

        Args:
            sqs: boto3's, of the service sqs; its time-outs bound how long a round of letters takes.
            s3: boto3's, of the service s3.
            queue_url: The queue, as `provision` gives it (output `dead_letter_queue_url`).
            bucket: Where writes go that are larger than a message; without one they stay in the journal. A rule of
                the bucket deletes what is old: nothing here does. It must keep it for longer than letters stay parked.
            prefix: What the keys there begin with.
        """
        self._sqs = sqs
        self._s3 = s3
        self._queue_url = queue_url
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def connect(
        cls, *, queue_url: str, region: str, bucket: str | None = None, endpoint_url: str | None = None
    ) -> Self:
        """Return one over clients of the process' own credentials, with short time-outs.

        Args:
            queue_url: As above.
            region: Of queue and bucket.
            bucket: As above.
            endpoint_url: Of a stand-in; None is AWS itself.
        """
        import boto3  # noqa: PLC0415 -- loaded only where it is needed
        from botocore.config import Config  # noqa: PLC0415

        config = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 2, "mode": "standard"})
        given: dict[str, Any] = {"region_name": region, "endpoint_url": endpoint_url, "config": config}
        return cls(sqs=boto3.client("sqs", **given), s3=boto3.client("s3", **given), queue_url=queue_url, bucket=bucket)

    def send(self, bodies: list[str]) -> list[bool]:
        """Send, as `letters.Outbox` says."""
        acknowledged = [False] * len(bodies)
        for batch in _batches(bodies):
            entries = [{"Id": str(number), "MessageBody": bodies[number]} for number in batch]
            try:
                answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except aws_failures() as error:
                if any(acknowledged):
                    return acknowledged
                raise LettersUnavailableError(
                    f"queue {self._queue_url} does not take letters: {type(error).__name__}: {error}"
                ) from error
            for sent in answer.get("Successful", ()):
                acknowledged[int(sent["Id"])] = True
        return acknowledged

    def keep(self, name: str, content: bytes) -> PayloadPlace:
        """Keep, as `letters.Outbox` says."""
        if self._bucket is None:
            raise LettersUnavailableError(
                f"the letter {name} has {len(content)} bytes, more than a message takes ({MAX_BODY_BYTES}), and no "
                "bucket was given for such ones: give the writer's outbox one"
            )
        key = f"{self._prefix}{name}"
        try:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType="application/json")
        except aws_failures() as error:
            raise LettersUnavailableError(
                f"bucket {self._bucket} does not take letters: {type(error).__name__}: {error}"
            ) from error
        return PayloadPlace(bucket=self._bucket, key=key, sha256=sha256(content).hexdigest(), size=len(content))


def aws_failures() -> tuple[type[Exception], ...]:
    """Return every class that boto3 raises for what AWS did or did not do. Loads botocore."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 -- loaded only where it is needed

    return BotoCoreError, ClientError


def _batches(bodies: list[str]) -> Iterator[list[int]]:
    """Yield the numbers of the bodies that go together."""
    batch: list[int] = []
    size = 0
    for number, body in enumerate(bodies):
        if batch and (len(batch) == MAX_BATCH or size + len(body) > MAX_BODY_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(number)
        size += len(body)
    if batch:
        yield batch
