"""Resumable uploads (tus 1.0.0) into a dataset's files.

The protocol's core with creation, checksum, expiration and termination. A connection which
breaks, a client which goes away and a server which is killed lose nothing that has come.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool

from subtomo_server.datasets.schemas import OpenUpload, OpenUploads
from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.http import tus
from subtomo_server.http.bodies import BrokenOffError, pour
from subtomo_server.http.digests import announced_checksum
from subtomo_server.http.errors import BadRequestError, BodyTooLargeError, NotStoredError
from subtomo_server.http.tus import SpeaksTus
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import Role, User
from subtomo_store.database.records import Upload
from subtomo_store.datasets import datasets, uploads
from subtomo_store.datasets.filing import Arrival, check_digest, file_in
from subtomo_store.errors import ConflictError
from subtomo_store.files import incoming
from subtomo_store.files.incoming import Incoming
from subtomo_store.people import quotas
from subtomo_store.people.quotas import said

router = APIRouter(prefix="/datasets/{dataset_id}/uploads", tags=["uploads"])
_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.options("", status_code=204, summary="What the resumable upload can do")
def abilities(store: NeedStore) -> Response:
    """Version, extensions and largest file, in headers."""
    return Response(status_code=204, headers=tus.abilities(store.settings.max_upload_bytes))


@router.get("", summary="Uploads which have not ended")
def under_way(store: NeedStore, user: NeedUser, dataset_id: str) -> OpenUploads:
    """Names, sizes and offsets: what to go on with after a broken connection."""
    with store.read() as session:
        datasets.get(session, dataset_id, user.id)
        found = uploads.under_way(session, dataset_id)
    return OpenUploads(items=[_document(store, upload) for upload in found])


@router.post("", status_code=201, summary="Begin a resumable upload", dependencies=[SpeaksTus])
def begin(
    store: NeedStore,
    user: NeedUser,
    dataset_id: str,
    upload_length: Annotated[int, Header(ge=0, description="Size of the file in bytes.")],
    upload_metadata: Annotated[
        str,
        Header(description="`filename` and, if known, `sha256` (hexadecimal), values in base64."),
    ],
) -> Response:
    """Announce a file: its name and size, and its SHA-256 if it is known.

    Refused before a byte is sent if it does not fit the quota or the largest upload.
    """
    limit = store.settings.max_upload_bytes
    if upload_length > limit:
        raise BodyTooLargeError(
            f"The file has {said(upload_length)}; this service takes files up to {said(limit)}."
        )
    fields = tus.metadata_of(upload_metadata)
    made = _begin(store, user, dataset_id, upload_length, fields)
    if upload_length == 0:
        _end_if_whole(store, made)
    location = {"Location": f"/api/v1/datasets/{dataset_id}/uploads/{made.id}"}
    return Response(status_code=201, headers=location | tus.state(made, 0))


@router.head("/{upload_id}", summary="How far an upload is", dependencies=[SpeaksTus])
def offset(store: NeedStore, user: NeedUser, dataset_id: str, upload_id: str) -> Response:
    """Tell the offset from which to go on.

    A file which had come whole when its server was killed is put in its place first.
    """
    upload = _get(store, user, dataset_id, upload_id)
    arrived = _arrived(store, upload)
    if upload.finished is None and arrived == upload.size:
        _end_if_whole(store, upload)
    return Response(headers=tus.state(upload, arrived))


@router.patch(
    "/{upload_id}",
    status_code=204,
    summary="Send bytes",
    dependencies=[SpeaksTus],
    openapi_extra={
        "requestBody": {
            "content": {tus.BODY_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            "required": True,
        }
    },
)
async def send(
    *,
    store: NeedStore,
    user: NeedUser,
    request: Request,
    dataset_id: str,
    upload_id: str,
    upload_offset: Annotated[int, Header(ge=0, description="Where these bytes belong.")],
) -> Response:
    """Append bytes at the offset; with the last one the file appears in the dataset."""
    tus.check_body_type(request)
    checksum = announced_checksum(request.headers)
    upload = await run_in_threadpool(_prolonged, store, user, dataset_id, upload_id)
    with await run_in_threadpool(Incoming, store.files.incoming(upload.id)) as file:
        _check_offset(file.offset, upload_offset)
        part = tus.CheckedPart(file, upload.size, checksum)
        try:
            await pour(request, part.write)
        except BrokenOffError:
            await run_in_threadpool(part.forget)
            raise
        finally:
            await run_in_threadpool(file.sync)
        await run_in_threadpool(part.prove)
        if file.offset == upload.size:
            await run_in_threadpool(_end, store, upload, file)
        return Response(status_code=204, headers=tus.state(upload, file.offset))


@router.delete("/{upload_id}", status_code=204, summary="Give up", dependencies=[SpeaksTus])
def give_up(store: NeedStore, user: NeedUser, dataset_id: str, upload_id: str) -> Response:
    """Forget an upload and what has come of it."""
    _get(store, user, dataset_id, upload_id, "editor")
    _forget(store, upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": tus.VERSION})


@router.post("/{upload_id}", include_in_schema=False, dependencies=[SpeaksTus])
async def overridden(
    store: NeedStore, user: NeedUser, request: Request, dataset_id: str, upload_id: str
) -> Response:
    """Take PATCH and DELETE from senders which can only POST, as the protocol says."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "DELETE":
        return await run_in_threadpool(give_up, store, user, dataset_id, upload_id)
    if method != "PATCH":
        raise NotStoredError("An upload takes HEAD, PATCH and DELETE.")
    given = request.headers.get("upload-offset", "")
    if not given.isdigit():
        raise BadRequestError("Upload-Offset: a number of bytes is wanted.")
    return await send(
        store=store,
        user=user,
        request=request,
        dataset_id=dataset_id,
        upload_id=upload_id,
        upload_offset=int(given),
    )


def _begin(store: Store, user: User, dataset_id: str, size: int, fields: dict[str, str]) -> Upload:
    name, sha256 = fields.get("filename", ""), fields.get("sha256", "").lower() or None
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise BadRequestError("Upload-Metadata: sha256 is not 64 hexadecimal digits.")
    store.files.upload(dataset_id, name)  # confined, or refused
    with store.begin() as session:
        dataset = datasets.get(session, dataset_id, user.id, "editor")
        datasets.expect_open(dataset)
        quotas.check(session, dataset.user_id, store.settings, more=size)
        made = uploads.create(
            session,
            dataset_id=dataset_id,
            name=name,
            size=size,
            sha256=sha256,
            days=store.settings.upload_days,
        )
        incoming.begin(store.files.incoming(made.id))
    return made


def _get(
    store: Store, user: User, dataset_id: str, upload_id: str, need: Role = "viewer"
) -> Upload:
    with store.read() as session:
        datasets.get(session, dataset_id, user.id, need)
        return uploads.get(session, upload_id, dataset_id)


def _prolonged(store: Store, user: User, dataset_id: str, upload_id: str) -> Upload:
    with store.begin() as session:
        datasets.expect_open(datasets.get(session, dataset_id, user.id, "editor"))
        return uploads.prolong(session, upload_id, dataset_id, store.settings.upload_days)


def _arrived(store: Store, upload: Upload) -> int:
    if upload.finished is not None:
        return upload.size
    return incoming.length(store.files.incoming(upload.id))


def _check_offset(there: int, given: int) -> None:
    if there != given:
        raise ConflictError(
            f"the upload stands at byte {there}, not {given}: ask for the offset and go on there"
        )


def _end_if_whole(store: Store, upload: Upload) -> None:
    with Incoming(store.files.incoming(upload.id)) as file:
        if file.offset == upload.size:
            file.sync()
            _end(store, upload, file)


def _end(store: Store, upload: Upload, file: Incoming) -> None:
    """Put the file in its place; what is not what was announced goes."""
    written = file.written()
    try:
        check_digest(upload.name, written, upload.sha256)
    except Exception:
        _forget(store, upload.id)
        raise
    private = file.another_name()
    file_in(store, upload.dataset_id, upload.name, Arrival(private, written, upload.id))
    file.path.unlink(missing_ok=True)


def _forget(store: Store, upload_id: str) -> None:
    path: Path = store.files.incoming(upload_id)
    with store.begin() as session:
        uploads.remove(session, upload_id)
    path.unlink(missing_ok=True)


def _document(store: Store, upload: Upload) -> OpenUpload:
    return OpenUpload(
        id=upload.id,
        name=upload.name,
        size=upload.size,
        sha256=upload.sha256,
        offset=_arrived(store, upload),
        expires=upload.expires,
    )
