"""A small OpenID Connect provider: real tokens, real keys, a real HTTP server."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey

from subtomo_server.embedded.address import bind, url_of
from support.services import wait_until

CLIENT, SECRET = "subtomo-test", "a secret of the test"


@dataclass
class Issuer:
    """Who is signed in at the provider, and what is wrong with its tokens, if anything."""

    url: str
    person: dict[str, str] = field(
        default_factory=lambda: {"sub": "42", "preferred_username": "ada"}
    )
    wrong: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    signing: RSAKey | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def token(self, nonce: str) -> str:
        moment = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": moment,
            "exp": moment + 300,
            "nonce": nonce,
            **self.person,
            **self.wrong,
        }
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signing or self.key)

    def exchange(self, form: dict[str, str], authorization: str) -> dict[str, str] | None:
        """What the code was given for, if everything proves that the same client asks."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or authorization != f"Basic {basic}":
            return None
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        same = asked["redirect_uri"] == form["redirect_uri"]
        return asked if same and asked["code_challenge"] == challenge else None


def issuer_app(issuer: Issuer) -> FastAPI:
    """The provider's addresses."""
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    def metadata() -> dict[str, str]:
        return {
            "issuer": issuer.url,
            "authorization_endpoint": f"{issuer.url}/authorize",
            "token_endpoint": f"{issuer.url}/token",
            "jwks_uri": f"{issuer.url}/keys",
        }

    @app.get("/keys")
    def keys() -> dict[str, Any]:
        return {"keys": [issuer.key.as_dict(private=False)]}

    @app.get("/authorize")
    def authorize(request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        issuer.asked.append(asked)
        code = secrets.token_urlsafe(8)
        issuer.codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{query}", 303)

    @app.post("/token")
    async def token(request: Request) -> JSONResponse:
        sent = parse_qs((await request.body()).decode())
        form = {name: values[0] for name, values in sent.items()}
        asked = issuer.exchange(form, request.headers.get("authorization", ""))
        if asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = issuer.token(asked["nonce"])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    return app


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Run a provider on a free port."""
    listening = bind("127.0.0.1", 0)
    issuer = Issuer(url_of("127.0.0.1", listening.getsockname()[1]))
    server = uvicorn.Server(uvicorn.Config(issuer_app(issuer), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        wait_until(lambda: server.started, "the provider listens")
        yield issuer
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
