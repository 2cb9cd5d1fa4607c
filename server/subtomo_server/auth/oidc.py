"""Signing in by an OpenID Connect provider: the code flow with state, nonce and PKCE.

What the browser has to bring back (state, nonce, verifier) travels in a short-lived cookie of
its own, so that any server of a facility can finish what another one began.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, NamedTuple

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from subtomo_server.http.errors import SignInRefusedError
from subtomo_store.config.settings import Settings

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
SECONDS = 10.0
LEEWAY_SECONDS = 60


class Flow(NamedTuple):
    """One sign-in on its way: what only this browser and this service know."""

    state: str
    nonce: str
    verifier: str


class Identity(NamedTuple):
    """Whom the provider vouches for; ``name`` is what it suggests, for a new user."""

    subject: str
    name: str


class Provider:
    """An OpenID Connect provider, as the settings name it."""

    def __init__(self, settings: Settings, redirect_uri: str):
        self._issuer = str(settings.oidc_issuer)
        self._client_id = str(settings.oidc_client_id)
        self._secret = settings.oidc_client_secret
        self._redirect_uri = redirect_uri

    def start(self) -> tuple[Flow, str]:
        """Begin a sign-in: what to keep, and the address to which the browser goes.

        Raises
        ------
        SignInRefusedError
            If the provider does not answer.
        """
        flow = Flow(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        with self._client() as client:
            endpoint = self._metadata(client)["authorization_endpoint"]
        address = prepare_grant_uri(
            endpoint,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=self._redirect_uri,
            scope="openid profile email",
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return flow, address

    def finish(self, flow: Flow, code: str) -> Identity:
        """Exchange the code that the browser brought for who it is.

        Raises
        ------
        SignInRefusedError
            If the provider refuses, or its token is not what it must be.
        """
        with self._client() as client:
            metadata = self._metadata(client)
            answer = client.post(metadata["token_endpoint"], **self._grant(flow, code))
            if answer.status_code != httpx.codes.OK:
                raise SignInRefusedError(
                    "The identity provider did not accept this sign-in: begin again."
                )
            keys = _json(client.get(metadata["jwks_uri"]))
        claims = self._checked(_json(answer).get("id_token", ""), keys, flow.nonce)
        suggested = claims.get("preferred_username") or claims.get("email") or claims["sub"]
        return Identity(f"{self._issuer} {claims['sub']}", str(suggested))

    def _grant(self, flow: Flow, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": flow.verifier,
        }
        if self._secret is None:
            return {"data": {**form, "client_id": self._client_id}}
        return {"data": form, "auth": (self._client_id, self._secret.get_secret_value())}

    def _checked(self, token: str, keys: dict[str, Any], nonce: str) -> dict[str, Any]:
        expected = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        try:
            found = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)  # type: ignore[arg-type]
            params = {"nonce": nonce, "client_id": self._client_id}
            claims = CodeIDToken(found.claims, found.header, expected, params)
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInRefusedError(
                "The identity provider sent a token which cannot be trusted: tell the keeper of "
                "this service."
            ) from error
        return dict(claims)

    def _metadata(self, client: httpx.Client) -> dict[str, Any]:
        document = _json(client.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"))
        wanted = {"authorization_endpoint", "token_endpoint", "jwks_uri"}
        if document.get("issuer") != self._issuer or not wanted <= set(document):
            raise SignInRefusedError(
                "The identity provider describes itself as another one than SUBTOMO_OIDC_ISSUER "
                "names: tell the keeper of this service."
            )
        return document

    def _client(self) -> _Client:
        return _Client(timeout=SECONDS)


class _Client(httpx.Client):
    """A client whose failures are told as what they mean here."""

    def request(self, *args: Any, **options: Any) -> httpx.Response:
        try:
            return super().request(*args, **options)
        except httpx.HTTPError as error:
            raise SignInRefusedError(
                "The identity provider does not answer: try again in a moment, or sign in by "
                "password."
            ) from error


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.content)
    except ValueError:
        found = None
    if answer.status_code != httpx.codes.OK or not isinstance(found, dict):
        raise SignInRefusedError("The identity provider answers nonsense: try again in a moment.")
    return found
