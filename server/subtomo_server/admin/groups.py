"""``subtomo admin groups``."""

from __future__ import annotations

from typing import Annotated

import typer

from subtomo_server.admin.shared import GroupName, UserName, opened_store, plainly, show
from subtomo_store.database.people_records import Role
from subtomo_store.people import groups, users

app = typer.Typer()
members_app = typer.Typer()
app.add_typer(
    members_app, name="members", help="Who is in a group, and as what.", no_args_is_help=True
)


@app.command("list")
@plainly
def list_all() -> None:
    """List all groups."""
    with opened_store() as store, store.read() as session:
        found = groups.page(session, None)
    show(("name", "made", "id"), ((group.name, group.created, group.id) for group in found))


@app.command("add")
@plainly
def add(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="Name of the new group.")],
    owner: Annotated[str, typer.Option(help="Its first owner: a user's name or id.")],
) -> None:
    """Make a group with its first owner."""
    with opened_store() as store, store.begin() as session:
        made = groups.create(session, group, users.find(session, owner).id)
    typer.echo(f"{made.name} is made.")


@app.command("remove")
@plainly
def remove(group: GroupName) -> None:
    """Delete a group; what belonged to it goes back to its makers."""
    with opened_store() as store, store.begin() as session:
        groups.remove(session, None, group)
    typer.echo(f"{group} is deleted.")


@members_app.command("list")
@plainly
def members(group: GroupName) -> None:
    """List a group's members."""
    with opened_store() as store, store.read() as session:
        found = groups.members(session, None, group)
    show(("user", "role"), ((member.user, member.role) for member in found))


@members_app.command("set")
@plainly
def set_member(
    group: GroupName,
    name: UserName,
    role: Annotated[Role, typer.Argument(help="viewer, editor or owner.")],
) -> None:
    """Take a user into a group, or change the role."""
    with opened_store() as store, store.begin() as session:
        made = groups.set_member(session, None, group, name, role)
    typer.echo(f"{made.user} is {made.role} in {made.group}.")


@members_app.command("remove")
@plainly
def remove_member(group: GroupName, name: UserName) -> None:
    """Take a user out of a group."""
    with opened_store() as store, store.begin() as session:
        groups.remove_member(session, None, group, name)
    typer.echo(f"{name} is no longer in {group}.")
