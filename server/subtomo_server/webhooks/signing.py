"""Signatures after the Standard Webhooks specification (standardwebhooks.com), version 1."""

from __future__ import annotations

import base64
import hashlib
import hmac


def signed_headers(secret: str, message_id: str, moment: int, body: bytes) -> dict[str, str]:
    """Headers that prove to a receiver who knows ``secret`` who sent ``body``, and when.

    Parameters
    ----------
    secret : str
        ``whsec_`` and base64.
    message_id : str
        The same in every attempt, so that a receiver can tell a repetition.
    moment : int
        Seconds since 1970.
    body : bytes
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{message_id}.{moment}.".encode() + body
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": f"v1,{signature}",
    }
