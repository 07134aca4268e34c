"""What is particular to Amazon Keyspaces as a place to connect to.

Source: the Developer Guide's pages on service endpoints, consistency levels and interface VPC endpoints.
"""

import ipaddress
import re
from contextlib import suppress

from keyspaces_migration.clients.errors import SessionSettingsError
from keyspaces_migration.clients.settings import Consistency

KEYSPACES_PORT = 9142

KEYSPACES_CONSISTENCIES = (Consistency.LOCAL_QUORUM, Consistency.LOCAL_ONE, Consistency.ONE)
"""The first is the only one for writes; the others are allowed for reads. Anything else is refused by the service."""

ONE_HOST_NOTE = (
    "Only 1 host is listed in system.peers and system.local, so the session has 1 connection. Through a VPC endpoint, "
    "allow this user ec2:DescribeNetworkInterfaces and ec2:DescribeVpcEndpoints, and the peers are listed."
)

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]+")
_ENDPOINT = re.compile(rf"(^|\.)cassandra(-fips)?\.(?P<region>{_REGION.pattern})\.")


def endpoint(region: str | None) -> str:
    """Return the public service endpoint of a Region.

    Raises:
        SessionSettingsError: there is no Region, or the text is not shaped like one.
    """
    if not region:
        raise SessionSettingsError("neither a Region nor a service endpoint. Fill in one of them.")
    if not _REGION.fullmatch(region):
        raise SessionSettingsError(f"{region!r} is not an AWS Region. Allowed: names such as eu-west-1.")
    return f"cassandra.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def region_of(hosts: tuple[str, ...], *, region: str | None) -> str | None:
    """Return the Region that the service endpoint names, public or of a VPC, or else the one given.

    Raises:
        SessionSettingsError: the endpoint names another Region than the one given.
    """
    named = {match["region"] for host in hosts if (match := _ENDPOINT.search(host))}
    if region and named - {region}:
        raise SessionSettingsError(
            f"the Region is {region} and the endpoint is one of {', '.join(sorted(named))}. Correct one of them."
        )
    return region or next(iter(named), None)


def certificate_name(hosts: tuple[str, ...]) -> str | None:
    """Return the one name that the service's certificate bears: its endpoint. None when addresses were given."""
    if len(hosts) != 1:
        return None
    with suppress(ValueError):
        ipaddress.ip_address(hosts[0])
        return None
    return hosts[0]
