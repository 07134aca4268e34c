"""Letters from Amazon SQS and S3, over clients of boto3."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from keyspaces_migration.dual_write.errors import LettersUnavailableError
from keyspaces_migration.dual_write.letters import PayloadPlace
from keyspaces_migration.letters.inbox import PayloadMissingError, Received

MAX_BATCH = 10
"""Messages that SQS gives, deletes or changes at once."""

HIDDEN_S = 900
"""How long a received message is hidden: longer than a batch takes, the settle time included."""

_WAIT_S = 2
_GONE = {"NoSuchKey", "NoSuchBucket", "404"}


class SqsInbox:
    """Receives letters of one queue. Large ones are fetched from one bucket alone."""

    def __init__(
        self,
        *,
        sqs: Any,  # noqa: ANN401 -- boto3's clients have no types of their own
        s3: Any,  # noqa: ANN401
        queue_url: str,
        bucket: str | None,
    ) -> None:
        """Keep the clients.

        Args:
            sqs: boto3's, of the service sqs.
            s3: boto3's, of the service s3.
            queue_url: The queue.
            bucket: Where writers keep large letters. Whoever may send to the queue names a bucket in each, and must
                not have another one read by this process' rights.
        """
        self._sqs = sqs
        self._s3 = s3
        self._queue_url = queue_url
        self._bucket = bucket

    def receive(self) -> list[Received]:
        """Receive, as `Inbox` says. It waits 2 s for a message, and asks all of SQS's servers."""
        answer = self._ask(
            self._sqs.receive_message,
            MaxNumberOfMessages=MAX_BATCH,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=_WAIT_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return [
            Received(handle=each["ReceiptHandle"], body=each["Body"], sent_at=_sent_at(each.get("Attributes", {})))
            for each in answer.get("Messages", ())
        ]

    def delete(self, handles: Sequence[str]) -> None:
        """Delete, as `Inbox` says."""
        for entries in _entries(handles):
            self._whole(self._ask(self._sqs.delete_message_batch, Entries=entries), "deleted")

    def give_back(self, handles: Sequence[str]) -> None:
        """Give back, as `Inbox` says."""
        for entries in _entries(handles):
            seen = [{**entry, "VisibilityTimeout": 0} for entry in entries]
            self._whole(self._ask(self._sqs.change_message_visibility_batch, Entries=seen), "given back")

    def fetch(self, place: PayloadPlace) -> bytes:
        """Fetch, as `Inbox` says."""
        where = f"s3://{place.bucket}/{place.key}"
        if place.bucket != self._bucket:
            allowed = f"the bucket {self._bucket}" if self._bucket else "no bucket"
            raise PayloadMissingError(
                f"the letter points to {where}, and the migration file's dead_letters.payload_bucket allows {allowed}"
            )
        try:
            content: bytes = self._s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _GONE:
                raise PayloadMissingError(f"{where} is not there (any more): a rule of the bucket?") from error
            raise LettersUnavailableError(f"{where} can't be read: {error}") from error
        except BotoCoreError as error:
            raise LettersUnavailableError(f"{where} can't be read: {error}") from error
        return content

    def _ask(self, call: Any, **request: Any) -> dict[str, Any]:  # noqa: ANN401
        try:
            answer: dict[str, Any] = call(QueueUrl=self._queue_url, **request)
        except (BotoCoreError, ClientError) as error:
            raise LettersUnavailableError(f"queue {self._queue_url}: {type(error).__name__}: {error}") from error
        return answer

    def _whole(self, answer: dict[str, Any], done: str) -> None:
        if failed := answer.get("Failed", ()):
            raise LettersUnavailableError(
                f"queue {self._queue_url}: {len(failed)} messages were not {done}: {failed[0].get('Message')}"
            )


def _sent_at(attributes: dict[str, str]) -> datetime | None:
    sent_ms = attributes.get("SentTimestamp")
    return None if sent_ms is None else datetime.fromtimestamp(int(sent_ms) / 1000, tz=UTC)


def _entries(handles: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, len(handles), MAX_BATCH):
        some = handles[first : first + MAX_BATCH]
        yield [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(some)]
