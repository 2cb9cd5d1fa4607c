"""Who I am, my password and my tokens."""

from __future__ import annotations

from fastapi import APIRouter

from subtomo_server.auth.authentication import REACH
from subtomo_server.auth.own_account import make_token, new_password
from subtomo_server.auth.schemas import (
    LimitsDocument,
    MadeToken,
    Me,
    MemberDocument,
    NewPassword,
    NewToken,
    TokenDocument,
    TokenList,
    UsageDocument,
    UserDocument,
)
from subtomo_server.deps.dependencies import NeedSignIn, NeedStore, NeedUser
from subtomo_store.people import access, groups
from subtomo_store.people.limits import limits_of
from subtomo_store.people.usage import usage_of

router = APIRouter(tags=["people"])


@router.get("/me", summary="Who I am")
def me(store: NeedStore, sign_in: NeedSignIn) -> Me:
    """Your user, what this token may do, your limits and what you use of them, your groups."""
    user, token = sign_in
    with store.read() as session:
        limits = limits_of(session, user.id, store.settings)
        usage = usage_of(session, user.id, store.settings)
        mine = groups.memberships(session, user.id)
    return Me(
        user=UserDocument.model_validate(user),
        token=token.id,
        scope=token.scope,
        scopes=[scope for scope, reach in REACH.items() if reach <= REACH[token.scope]],
        limits=LimitsDocument.model_validate(limits),
        usage=UsageDocument.model_validate(usage),
        groups=[MemberDocument.model_validate(member) for member in mine],
    )


@router.put("/me/password", status_code=204, summary="Change my password")
def change_password(store: NeedStore, sign_in: NeedSignIn, new: NewPassword) -> None:
    """Set a new password; every other browser in which you are signed in is signed out."""
    present = new.present.get_secret_value() if new.present else None
    new_password(store, sign_in, present, new.password.get_secret_value())


@router.get("/tokens", summary="My tokens")
def list_tokens(store: NeedStore, user: NeedUser) -> TokenList:
    """Your tokens and signed-in browsers, with their last use; never their texts."""
    with store.read() as session:
        found = access.tokens(session, user.id)
    return TokenList(items=[TokenDocument.model_validate(token) for token in found])


@router.post("/tokens", status_code=201, summary="Make a token")
def create_token(store: NeedStore, user: NeedUser, new: NewToken) -> MadeToken:
    """Make a token; its ``text`` is told here once and never again."""
    token, text = make_token(store, user.id, new.label, new.scope, new.expires_days)
    told = TokenDocument.model_validate(token).model_dump()
    return MadeToken(**told, text=text)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
def revoke_token(store: NeedStore, user: NeedUser, token_id: str) -> None:
    """Forget a token at once; jobs which it started go on."""
    with store.begin() as session:
        access.revoke(session, user.id, token_id)
