"""Which addresses a webhook may reach: public hosts by HTTPS, others only where allow-listed.

A name is checked when a job is posted, so that mistakes are told at once, and the address is
checked again by whoever connects (`subtomo_server.webhooks.guard`): a name may mean something
else by then.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from subtomo_core.errors import InputError, Problem

PORTS = {"https": 443, "http": 80}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Target(NamedTuple):
    """Where a webhook goes; ``trusted`` hosts may have private addresses."""

    host: str
    port: int
    trusted: bool


def check_target(url: str, allowed: Sequence[str]) -> Target:
    """Read a webhook's URL.

    Raises
    ------
    InputError
        If it is none, or names a host that webhooks may not reach.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise _unfit(f"{url[:200]!r} is not an address") from error
    if not host or not port or _odd(url, parts):
        raise _unfit(f"{url[:200]!r} is not an address")
    trusted = host in allowed or f"{host}:{port}" in allowed
    if parts.scheme != "https" and not trusted:
        raise _unfit(f"{parts.scheme}://{host} is not HTTPS, and the host is not allow-listed")
    literal = _literal(host)
    if not trusted and (host == "localhost" or (literal and not is_public(literal))):
        raise _unfit(f"{host} is a private address, and not allow-listed")
    return Target(host, port, trusted)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet, also behind IPv6 that wraps IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _odd(url: str, parts: SplitResult) -> bool:
    """User names would be sent along; blanks and control characters are nobody's address."""
    bad = any(character <= " " or character == "\x7f" for character in url)
    return bad or not url.isascii() or "@" in parts.netloc or "\\" in url


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _unfit(what: str) -> InputError:
    detail = f"the webhook cannot be used: {what}; give an https:// address of a public host"
    return InputError(Problem(detail, pointer="/webhook"))
