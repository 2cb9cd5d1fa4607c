"""``subtomo admin users``."""

from __future__ import annotations

from typing import Annotated

import typer

from subtomo_server.admin.shared import UserName, asked_password, opened_store, plainly, show
from subtomo_server.auth.newcomers import newcomer
from subtomo_store.database.people_records import UserRole
from subtomo_store.people import passwords, users

app = typer.Typer()


@app.command("list")
@plainly
def list_all() -> None:
    """List everybody."""
    with opened_store() as store, store.read() as session:
        found = users.page(session)
    show(
        ("name", "role", "disabled", "made", "id"),
        ((user.name, user.role, user.disabled, user.created, user.id) for user in found),
    )


@app.command("add")
@plainly
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How the user signs in.")],
    *,
    admin: Annotated[bool, typer.Option("--admin", help="Make an administrator.")] = False,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password (or read it from stdin).")
    ] = False,
    oidc_subject: Annotated[
        str | None,
        typer.Option(help="Whom the identity provider knows: 'ISSUER SUBJECT'."),
    ] = None,
) -> None:
    """Make a user, and print a token of theirs once; it is valid for 30 days."""
    made_hash = passwords.hashed(asked_password()) if password else None
    with opened_store() as store, store.begin() as session:
        user, text = newcomer(session, name, "admin" if admin else "user", made_hash)
        if oidc_subject is not None:
            users.change(session, user.id, oidc_subject=oidc_subject)
    typer.echo(f"{user.role} {user.name} is made. This token is shown only now; 30 days from now")
    typer.echo("it ends. With it they sign in, and set a password on the page 'Account':")
    typer.echo(text)


@app.command("disable")
@plainly
def disable(name: UserName) -> None:
    """Let a user sign in no more; tokens are refused at once, jobs go on."""
    _change(name, disabled=True)


@app.command("enable")
@plainly
def enable(name: UserName) -> None:
    """Let a user sign in again."""
    _change(name, disabled=False)


@app.command("role")
@plainly
def role(
    name: UserName,
    role: Annotated[UserRole, typer.Argument(help="user or admin.")],
) -> None:
    """Make somebody an administrator, or an ordinary user again."""
    _change(name, role=role)


@app.command("password")
@plainly
def password(name: UserName) -> None:
    """Set a password, asked for or read from stdin; every browser is signed out."""
    made_hash = passwords.hashed(asked_password())
    with opened_store() as store, store.begin() as session:
        users.set_password(session, users.find(session, name).id, made_hash)
    typer.echo("The password is set.")


def _change(name: str, **values: object) -> None:
    with opened_store() as store, store.begin() as session:
        user = users.change(session, name, **values)
    typer.echo(f"{user.name}: {user.role}{', disabled' if user.disabled else ''}")
