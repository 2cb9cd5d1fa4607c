"""Uploaded maps, for use as starting references and masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from subtomo_server.datasets.schemas import MapDocument, MapPage
from subtomo_server.deps.dependencies import Cursor, Limit, NeedStore, NeedUser
from subtomo_server.http.bodies import receive_file
from subtomo_server.http.documents import Changes
from subtomo_server.http.downloads import keepable, send_file
from subtomo_store.database.engine import Store
from subtomo_store.database.identity import new_id
from subtomo_store.database.people_records import User
from subtomo_store.database.records import FileRecord
from subtomo_store.datasets import maps
from subtomo_store.files.data_folder import WholeFile
from subtomo_store.files.whole import Written, write_whole
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.packed import packing_of
from subtomo_store.formats.volumes import Volume, read_volume
from subtomo_store.people import quotas

router = APIRouter(prefix="/maps", tags=["maps"])
BODY = {
    "requestBody": {
        "content": {"application/x-mrc": {"schema": {"type": "string", "format": "binary"}}},
        "required": True,
    }
}


@router.post("", status_code=201, summary="Upload a map", openapi_extra=BODY)
async def create(
    *,
    store: NeedStore,
    user: NeedUser,
    request: Request,
    response: Response,
    name: Annotated[str, Query(min_length=1, max_length=200, description="A name for people.")],
    voxel_size_angstrom: Annotated[
        float | None, Query(gt=0.0, le=1000.0, description="Instead of the header's.")
    ] = None,
    group: Annotated[str | None, Query(description="Group to which it shall belong.")] = None,
) -> MapDocument:
    """Store the raw body, one cubic MRC or EM volume; it is checked before it is kept.

    An EM volume is kept as MRC; its voxel size must be given. A packed one is unpacked.
    """
    map_id = new_id("map")
    announced = request.headers.get("content-length", "")
    await run_in_threadpool(_check_room, store, user, int(announced) if announced.isdigit() else 0)

    def accept(whole: WholeFile, written: Written) -> None:
        volume = read_volume(whole.temporary, name, voxel_size_angstrom)
        plain = volume.kind == "MRC" and packing_of(whole.temporary) is None
        kept = written if plain else _as_mrc(whole.temporary, volume)
        _note_map(store, user, Upload(map_id, name, kept, volume, group), whole.place)

    await receive_file(request, store.files.map(map_id), accept)
    response.headers["Location"] = f"/api/v1/maps/{map_id}"
    return await run_in_threadpool(get, store, user, map_id)


@router.get("", summary="List maps, newest first")
def list_page(
    store: NeedStore, user: NeedUser, limit: Limit = 50, cursor: Cursor = None
) -> MapPage:
    """Your maps and your groups'; pass ``cursor`` on for the next page."""
    with store.read() as session:
        page = maps.page(session, user.id, limit=limit, cursor=cursor)
    return MapPage.model_validate(page, from_attributes=True)


@router.get("/{map_id}", summary="One map's record")
def get(store: NeedStore, user: NeedUser, map_id: str) -> MapDocument:
    """Name, box and voxel size of a map."""
    with store.read() as session:
        return MapDocument.model_validate(maps.get(session, map_id, user.id))


@router.get("/{map_id}/map.mrc", summary="Download a map")
def download(store: NeedStore, user: NeedUser, request: Request, map_id: str) -> Response:
    """Send the file as it was uploaded, or as MRC if it came as EM."""
    with store.read() as session:
        record = maps.get(session, map_id, user.id)
    stem = record.name.removesuffix(".mrc").removesuffix(".em")
    name = f"{keepable(stem) or record.id}.mrc"
    stored = FileRecord(name, record.size, record.sha256)
    return send_file(request, store.files.map(map_id), stored, name)


@router.patch("/{map_id}", summary="Rename a map, or move it to a group")
def change(store: NeedStore, user: NeedUser, map_id: str, changes: Changes) -> MapDocument:
    """Give the map another name, or hand it to a group."""
    with store.begin() as session:
        changed = maps.get(session, map_id, user.id, "editor")
        if changes.name is not None:
            changed = maps.change(session, map_id, user.id, name=changes.name)
        if "group" in changes.model_fields_set:
            changed = maps.move_to_group(session, map_id, user.id, changes.group)
    return MapDocument.model_validate(changed)


@router.delete("/{map_id}", status_code=204, summary="Delete a map")
def delete(store: NeedStore, user: NeedUser, map_id: str) -> None:
    """Delete the map and its file."""
    with store.begin() as session:
        maps.remove(session, map_id, user.id)
    store.files.delete_map(map_id)


class Upload(NamedTuple):
    """A map which was received and checked."""

    map_id: str
    name: str
    written: Written
    volume: Volume
    group: str | None


def _as_mrc(path: Path, volume: Volume) -> Written:
    """Write a volume over the file which it came from, with the voxel size that was given."""
    return write_whole(path, lambda file: write_volume(file, volume.array, volume.voxel_size))


def _check_room(store: Store, user: User, size: int) -> None:
    with store.begin() as session:
        quotas.check(session, user.id, store.settings, more=size)


def _note_map(store: Store, user: User, upload: Upload, place: Callable[[], None]) -> None:
    with store.begin() as session:
        maps.create(
            session,
            user_id=user.id,
            map_id=upload.map_id,
            name=upload.name,
            box=upload.volume.array.shape[0],
            voxel_size_angstrom=upload.volume.voxel_size,
            size=upload.written.size,
            sha256=upload.written.sha256,
            group=upload.group,
        )
        quotas.check(session, user.id, store.settings, more=0, noted=upload.written.size)
        place()
