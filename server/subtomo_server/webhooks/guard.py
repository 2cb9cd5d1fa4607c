"""Connections that go to public addresses only, whatever a name turns out to mean.

The address that was checked is the one connected to, so a name that changes its meaning in
between (DNS rebinding) gains nothing. Certificates are still checked against the name.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore

from subtomo_server.webhooks.targets import is_public


class PrivateAddressError(httpcore.ConnectError):
    """The name leads to an address that webhooks may not reach."""


class DeadlineStream(httpcore.NetworkStream):
    """A stream that is over at a moment, however slowly the other side trickles."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float):
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Read within the time left."""
        return self._stream.read(max_bytes, timeout=_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Write within the time left."""
        self._stream.write(buffer, timeout=_left(self._deadline))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Encrypt it."""
        inner = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return DeadlineStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """As the stream below."""
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore.SyncBackend):
    """Connects to the address it has checked, within a time.

    Parameters
    ----------
    seconds : float
        For the whole exchange.
    trusted : bool
        The host is allow-listed and may be private.
    """

    def __init__(self, seconds: float, *, trusted: bool):
        self._deadline = time.monotonic() + seconds
        self._trusted = trusted

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check, and connect to what was checked."""
        address = self._address(host, port)
        stream = super().connect_tcp(
            address, port, _left(self._deadline), local_address, socket_options
        )
        return DeadlineStream(stream, self._deadline)

    def _address(self, host: str, port: int) -> str:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"the name {host} is not known") from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if not self._trusted and not is_public(ipaddress.ip_address(address.split("%")[0])):
                raise PrivateAddressError(f"{host} leads to a private address")
        return addresses[0]


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the receiver took too long")
    return left
