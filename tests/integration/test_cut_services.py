"""Services of the AWS stand-in, each cut off by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.servers.aws import stand_in_client
from rehearsal.servers.cut_services import CutKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.servers.aws import AwsStandIn

CALLS: dict[str, Callable[[Any], object]] = {
    "sqs": lambda client: client.list_queues(),
    "s3": lambda client: client.list_buckets(),
    "appconfig": lambda client: client.list_applications(),
    "cloudwatch": lambda client: client.list_dashboards(),
}


def client(stand_in: AwsStandIn, service: str) -> Any:
    return stand_in_client(service, stand_in.endpoint_url, attempts=1)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [(CutKind.AWAY, "ServiceUnavailable", 503), (CutKind.EXPIRED, "ExpiredTokenException", 403)],
)
@pytest.mark.parametrize("service", ["sqs", "s3", "appconfig"])
def test_a_service_that_is_cut_off_refuses_and_the_others_answer(
    aws_stand_in: AwsStandIn, service: str, kind: CutKind, code: str, status: int
) -> None:
    with aws_stand_in.cut_off(service, kind=kind):
        with pytest.raises(ClientError) as refused:
            CALLS[service](client(aws_stand_in, service))
        for other in CALLS.keys() - {service}:
            CALLS[other](client(aws_stand_in, other))
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    CALLS[service](client(aws_stand_in, service))


def test_a_large_body_is_refused_too(aws_stand_in: AwsStandIn) -> None:
    with aws_stand_in.cut_off("s3"), pytest.raises(ClientError, match="ServiceUnavailable"):
        client(aws_stand_in, "s3").put_object(Bucket="nowhere", Key="large", Body=b"x" * 5_000_000)
