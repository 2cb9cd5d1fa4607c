"""Files of the same content share their bytes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from subtomo_store.files import contents
from subtomo_store.files.data_folder import Files
from subtomo_store.files.whole import write_whole

BIG = contents.SHARED_FROM_BYTES


def put(files: Files, name: str, content: bytes):
    path = files.root / name
    written = write_whole(path, lambda file: file.write(content))
    contents.share(files, path, written)
    return path, written


def test_equal_files_share_and_others_do_not(tmp_path):
    files, content = Files(tmp_path), os.urandom(BIG)
    first, written = put(files, "a", content)
    second, _ = put(files, "b", content)
    third, _ = put(files, "c", content[:-1] + b"x")
    small, _ = put(files, "d", content[:-1])
    assert first.samefile(second)
    assert not first.samefile(third)
    assert small.stat().st_nlink == 1
    assert contents.release(files, [written.sha256]) == 0
    first.unlink()
    assert second.read_bytes() == content
    second.unlink()
    assert contents.release(files, [written.sha256]) == BIG
    assert not files.content(written.sha256).exists()


def test_a_content_which_is_damaged_is_not_given_to_others(tmp_path):
    files, content = Files(tmp_path), os.urandom(BIG)
    first, _ = put(files, "a", content)
    os.truncate(first, 5)
    second, _ = put(files, "b", content)
    assert second.read_bytes() == content


def test_a_file_system_without_links_keeps_copies(tmp_path, monkeypatch: pytest.MonkeyPatch):
    def no_links(*_args: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(contents.os, "link", no_links)
    files, content = Files(tmp_path), os.urandom(BIG)
    paths = [put(files, name, content)[0] for name in "ab"]
    assert [path.read_bytes() for path in paths] == [content, content]
    assert not paths[0].samefile(paths[1])


def test_sharing_and_releasing_at_once_loses_no_file(tmp_path):
    files, content = Files(tmp_path), os.urandom(BIG)

    def come_and_go(index: int) -> bytes:
        path, written = put(files, f"f{index}", content)
        kept = path.read_bytes()
        if index % 2:
            path.unlink()
            contents.release(files, [written.sha256])
        return kept

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(come_and_go, range(60))) == {content}
    assert all((tmp_path / f"f{index}").read_bytes() == content for index in range(0, 60, 2))
