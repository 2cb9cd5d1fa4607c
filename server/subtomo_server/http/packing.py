"""Answers that are packed on the way, where the browser can unpack them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 3  # a higher one takes longer than it saves on the way


def packed(
    request: Request, content: bytes, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Answer with ``content``, by gzip where the request takes it."""
    own = {**headers, "vary": "accept-encoding"}
    taken = request.headers.get("accept-encoding", "")
    if "gzip" in {part.split(";")[0].strip() for part in taken.split(",")}:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        content = packer.compress(content) + packer.flush()
        own["content-encoding"] = "gzip"
    return Response(content, media_type=media_type, headers=own)
