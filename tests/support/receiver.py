"""Standing for a receiver of webhooks: what it got, and whether the signatures hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

from support.small_server import Request, SmallServer

CALL = "POST /hook"


def got(receiver: SmallServer) -> list[dict[str, Any]]:
    """Bodies in the order in which they came."""
    return [request.json for request in receiver.calls(CALL)]


def ids(receiver: SmallServer) -> list[str]:
    """Message ids in the order in which they came."""
    return [_headers(request)["webhook-id"] for request in receiver.calls(CALL)]


def signature_holds(request: Request, secret: str) -> bool:
    """Check as a receiver does, by the Standard Webhooks specification."""
    headers = _headers(request)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    key = base64.b64decode(secret.split("_", 1)[1])
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    version, _, signature = headers["webhook-signature"].partition(",")
    return version == "v1" and hmac.compare_digest(signature, expected)


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
