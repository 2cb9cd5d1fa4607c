"""Where the server listens."""

from __future__ import annotations

import ipaddress
import socket

from subtomo_core.errors import SubtomoError


class AddressRefusedError(SubtomoError):
    """The server cannot, or should not, listen there."""


def check_address(host: str, *, allow_remote: bool) -> None:
    """Refuse addresses that others can reach, unless that was asked for.

    Raises
    ------
    AddressRefusedError
        If ``host`` is no loopback address.
    """
    if allow_remote or host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise AddressRefusedError(
            f"Other machines could reach this server at {host}, and it speaks plain HTTP: stay "
            "with 127.0.0.1, or add --allow-remote behind a proxy which speaks TLS."
        )


def bind(host: str, port: int) -> socket.socket:
    """Take an address; port 0 takes a free one.

    Raises
    ------
    AddressRefusedError
        If it is in use or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise AddressRefusedError(
            f"The address {host}, port {port}, cannot be taken ({error.strerror}): choose another "
            "port with --port, or 0 for a free one."
        ) from error
    return taken


def url_of(host: str, port: int) -> str:
    """URL under which this machine reaches the server."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - only read here
    shown = everywhere.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
