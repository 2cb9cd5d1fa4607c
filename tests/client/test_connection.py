from __future__ import annotations

import json
from pathlib import Path

from subtomo.connection import DEFAULT_URL, data_folder, find_connection


def note(folder: Path, **content: object) -> dict[str, str]:
    (folder / "connection.json").write_text(json.dumps(content))
    return {"SUBTOMO_DATA": str(folder)}


def test_arguments_come_before_the_environment_and_that_before_the_note(tmp_path):
    environment = note(tmp_path, url="http://127.0.0.1:9", token="from note")
    assert find_connection(None, None, environment) == ("http://127.0.0.1:9", "from note")
    environment |= {"SUBTOMO_URL": "http://lab:1/", "SUBTOMO_TOKEN": "from environment"}
    assert find_connection(None, None, environment) == ("http://lab:1", "from environment")
    assert find_connection("http://other:2", "given", environment) == ("http://other:2", "given")


def test_the_notes_token_goes_to_the_notes_address_only(tmp_path):
    environment = note(tmp_path, url="http://127.0.0.1:9", token="from note")
    assert find_connection("http://elsewhere:1", None, environment).token is None
    assert find_connection("http://127.0.0.1:9/", None, environment).token == "from note"


def test_without_anything_it_is_the_local_default(tmp_path):
    environment = {"SUBTOMO_DATA": str(tmp_path / "nothing")}
    assert find_connection(None, None, environment) == (DEFAULT_URL, None)


def test_a_broken_note_is_no_note(tmp_path):
    for text in ("", "[]", "{", '{"token": "x"}', '"text"', "\x00"):
        (tmp_path / "connection.json").write_text(text)
        environment = {"SUBTOMO_DATA": str(tmp_path)}
        assert find_connection(None, None, environment) == (DEFAULT_URL, None)


def test_the_data_folder_is_the_servers(tmp_path):
    assert data_folder({"SUBTOMO_DATA": str(tmp_path)}) == tmp_path
    assert data_folder({}) == Path.home() / "subtomo-data"
