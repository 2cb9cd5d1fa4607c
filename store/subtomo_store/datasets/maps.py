"""Uploaded maps, for starting references and masks."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from subtomo_store.database import tallies
from subtomo_store.database.engine import now
from subtomo_store.database.identity import new_id
from subtomo_store.database.paging import newest_first
from subtomo_store.database.people_records import Role
from subtomo_store.database.records import Map, Page, copied
from subtomo_store.database.tables import MapRow
from subtomo_store.people.permissions import permitted, placed, readable


def create(
    session: Session,
    *,
    user_id: str,
    name: str,
    box: int,
    voxel_size_angstrom: float,
    size: int,
    sha256: str,
    map_id: str | None = None,
    group: str | None = None,
) -> Map:
    """Write a map's record; ``map_id`` when its file was stored under an id made before."""
    row = MapRow(
        id=map_id or new_id("map"),
        user_id=user_id,
        group_id=placed(session, user_id, group),
        name=name,
        box=box,
        voxel_size_angstrom=voxel_size_angstrom,
        size=size,
        sha256=sha256,
        created=now(session),
    )
    session.add(row)
    session.flush()
    tallies.count(session, "uploads", "map", size)
    return _record(row)


def get(session: Session, map_id: str, user_id: str | None = None, need: Role = "viewer") -> Map:
    """One map; with ``user_id``, only if this user has the role ``need`` over it.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    return _record(_row(session, map_id, user_id, need))


def page(
    session: Session, user_id: str, *, limit: int = 50, cursor: str | None = None
) -> Page[Map]:
    """Give the maps that the user may read, newest first."""
    query = select(MapRow).where(readable(session, MapRow, user_id))
    rows, following = newest_first(
        session,
        query,
        created=MapRow.created,
        row_id=MapRow.id,
        limit=limit,
        cursor=cursor,
    )
    return Page([_record(row) for row in rows], following)


def remove(session: Session, map_id: str, user_id: str) -> None:
    """Delete the record; the caller removes the file after the commit."""
    session.delete(_row(session, map_id, user_id, "owner"))
    session.flush()


def change(session: Session, map_id: str, user_id: str, *, name: str) -> Map:
    """Give the map another name."""
    row = _row(session, map_id, user_id, "editor")
    row.name = name
    session.flush()
    return _record(row)


def move_to_group(session: Session, map_id: str, user_id: str, group: str | None) -> Map:
    """Hand the map to a group, or with None back to its maker alone."""
    row = _row(session, map_id, user_id, "owner")
    row.group_id = placed(session, user_id, group)
    session.flush()
    session.expire(row)
    return _record(row)


def _row(session: Session, map_id: str, user_id: str | None, need: Role = "viewer") -> MapRow:
    return permitted(session, session.get(MapRow, map_id), f"map {map_id}", user_id, need)


def _record(row: MapRow) -> Map:
    return copied(Map, row)
