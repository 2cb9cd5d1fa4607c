"""``subtomo admin tokens``."""

from __future__ import annotations

from typing import Annotated

import typer

from subtomo_server.admin.shared import UserName, opened_store, plainly, show
from subtomo_store.database.people_records import Scope
from subtomo_store.people import access, users

app = typer.Typer()


@app.command("list")
@plainly
def list_all(name: UserName) -> None:
    """List a user's tokens and signed-in browsers; never their texts."""
    with opened_store() as store, store.read() as session:
        found = access.tokens(session, users.find(session, name).id)
    show(
        ("id", "kind", "scope", "label", "last used", "expires"),
        ((t.id, t.kind, t.scope, t.label, t.last_used, t.expires) for t in found),
    )


@app.command("create")
@plainly
def create(
    name: UserName,
    *,
    label: Annotated[str, typer.Option(help="What it is for.")] = "subtomo admin",
    scope: Annotated[Scope, typer.Option(help="read, write or admin.")] = "write",
    days: Annotated[int, typer.Option(help="Days until it expires; 0: never.")] = 365,
) -> None:
    """Make a token and print it; it is shown only now."""
    with opened_store() as store, store.begin() as session:
        user = users.find(session, name)
        expires = access.expiry(session, days or None)
        _, text = access.create_token(session, user.id, label, expires, scope=scope)
    typer.echo(text)


@app.command("revoke")
@plainly
def revoke(
    name: UserName, token: Annotated[str, typer.Argument(metavar="ID", help="The token's id.")]
) -> None:
    """Revoke a token at once; jobs which it started go on."""
    with opened_store() as store, store.begin() as session:
        access.revoke(session, users.find(session, name).id, token)
    typer.echo(f"{token} is revoked.")
