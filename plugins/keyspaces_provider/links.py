"""Links from a task in Airflow's UI to what it works on in the AWS console.

Airflow asks a link for its address in the worker when the task has ended, with the task's arguments rendered, and keeps
it. A link without an address is not shown as one, so nothing here fails a task.

AWS documents the address of the service's page in each Region, and none for a table. What stands after `#` is what the
console itself shows; where it no longer knows it, it opens the service's own page.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

NAMESPACE = "AWS/Cassandra"
"""CloudWatch's namespace of Amazon Keyspaces' metrics."""

_DOMAINS = {"cn-": "amazonaws.cn", "us-gov-": "amazonaws-us-gov.com"}
_DOMAIN = "aws.amazon.com"
_ENDPOINTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
"""What the names of AWS's endpoints end with, those in a VPC too."""


@dataclass(frozen=True, kw_only=True)
class ConsolePlace:
    """What a task works on; `keyspace` and `table` are None where they are not known."""

    region: str
    keyspace: str | None = None
    table: str | None = None

    def keyspaces_url(self) -> str:
        """Return the address of the table's page, or of the service's."""
        names = [quote(name, safe="") for name in (self.keyspace, self.table) if name]
        shown = f"table/{'/'.join(names)}" if self.keyspace and self.table else "keyspaces"
        return f"{self._console}/keyspaces/home?region={self.region}#{shown}"

    def metrics_url(self) -> str:
        """Return the address of CloudWatch's metrics of the service, searched for the table's."""
        names = " ".join(f'{name}="{value}"' for name, value in self._dimensions())
        return (
            f"{self._console}/cloudwatch/home?region={self.region}#metricsV2?graph=~()"
            f"&namespace=~'{_escaped(NAMESPACE)}&query=~'{_escaped(names)}"
        )

    def _dimensions(self) -> list[tuple[str, str]]:
        both = (("Keyspace", self.keyspace), ("TableName", self.table))
        return [(name, value) for name, value in both if value]

    @property
    def _console(self) -> str:
        domain = next((domain for start, domain in _DOMAINS.items() if self.region.startswith(start)), _DOMAIN)
        return f"https://console.{domain}"


class _ConsoleLink(BaseOperatorLink):
    """A link of operators that have a `console_place`."""

    def address(self, place: ConsolePlace) -> str:
        raise NotImplementedError

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """Return the address, or nothing where the task's store is not in AWS or its connection can't be read."""
        del ti_key
        place = place_of(operator)
        return self.address(place) if place else ""


class KeyspacesTableLink(_ConsoleLink):
    """To the table in Amazon Keyspaces' console, or to the console where the task has no table of its own."""

    name = "Amazon Keyspaces console"

    def address(self, place: ConsolePlace) -> str:
        """Return the table's page."""
        return place.keyspaces_url()


class KeyspacesMetricsLink(_ConsoleLink):
    """To the metrics of the table in CloudWatch: units consumed, throttled requests, latency."""

    name = "CloudWatch metrics"

    def address(self, place: ConsolePlace) -> str:
        """Return the metrics' page."""
        return place.metrics_url()


class ReportLink(BaseOperatorLink):
    """To the report that the task kept: the page it returned as `html`, or what it returned as `report`."""

    name = "Report"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """Return the page's address, in the S3 console where it is in S3; nothing where the task has kept none."""
        from airflow.providers.common.compat.sdk import XCom

        del operator
        returned = XCom.get_value(key="return_value", ti_key=ti_key)
        if not isinstance(returned, dict):
            return ""
        return page_address(str(returned.get("html") or returned.get("report") or ""))


def page_address(address: str) -> str:
    """Return what a browser opens for a kept report's address: the console's page of an object of S3, else the same."""
    split = urlsplit(address)
    if split.scheme != "s3":
        return address
    # An Airflow connection may stand before the bucket.
    bucket, key = split.netloc.rpartition("@")[2], split.path.lstrip("/")
    return f"https://console.{_DOMAIN}/s3/object/{quote(bucket, safe='')}?prefix={quote(key, safe='/')}"


LINKS = (KeyspacesTableLink(), KeyspacesMetricsLink())
"""Of every operator and sensor that can work on a table of Amazon Keyspaces."""


def place_of(operator: Any) -> ConsolePlace | None:  # noqa: ANN401 - any operator that has these links
    """Return what an operator works on: by its own Region, or by that of its connection.

    None where that is not in AWS: a link to an account's console would then show somebody else's table, or none.
    """
    keyspace, table = getattr(operator, "keyspace", None), getattr(operator, "table", None)
    tables: Sequence[str] = getattr(operator, "tables", None) or ()
    own = getattr(operator, "region", None)
    region = own if own and _calls_aws(operator.aws_conn_id) else None if own else _region_of(operator)
    if not region:
        return None
    return ConsolePlace(region=region, keyspace=keyspace, table=table or (tables[0] if len(tables) == 1 else None))


def _calls_aws(aws_conn_id: str) -> bool:
    """Whether the connection leaves Amazon Keyspaces' endpoint to AWS, or names one of AWS's."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    hook: AwsGenericHook[Any] = AwsGenericHook(aws_conn_id=aws_conn_id, client_type="keyspaces")
    endpoint = hook.conn_config.get_service_endpoint_url("keyspaces")
    return not endpoint or _is_of_aws(urlsplit(endpoint).hostname or "")


def _is_of_aws(host: str) -> bool:
    return host.endswith(_ENDPOINTS)


def _region_of(operator: Any) -> str | None:  # noqa: ANN401 - as above
    from airflow.sdk.exceptions import AirflowNotFoundException

    from keyspaces_provider.hooks.keyspaces import KeyspacesHook
    from keyspaces_provider.hooks.stores import store_hook

    try:
        hook = store_hook(str(getattr(operator, "keyspaces_conn_id", None) or getattr(operator, "conn_id", "")))
        if not isinstance(hook, KeyspacesHook):
            return None
        hosts = hook.settings().hosts
        return hook.region() if all(map(_is_of_aws, hosts)) else None
    except (AirflowNotFoundException, MigrationError):
        # The task itself has failed of it, and said so.
        return None


def _escaped(text: str) -> str:
    """Write text as the CloudWatch console's own addresses do: other than letters and digits as * and their code."""
    return "".join(each if each.isalnum() and each.isascii() else f"*{ord(each):02x}" for each in text)
