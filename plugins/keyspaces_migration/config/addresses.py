"""Addresses of services: AWS's, or those of a stand-in on this machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(url: str | None) -> bool:
    """Whether a URL leads to this machine alone; no URL leads nowhere."""
    host = urlsplit(url or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
