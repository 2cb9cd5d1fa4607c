from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subtomo.sse import ServerSentEvent, parse, split_lines


def events(*chunks: bytes) -> list[ServerSentEvent]:
    return list(parse(split_lines(chunks)))


def test_fields_comments_and_many_lines_of_data():
    text = b": ping\n\nid: 7\nevent: status\ndata: a\ndata:b\n\ndata:  c\n\n"
    assert events(text) == [
        ServerSentEvent("7", "status", "a\nb"),
        ServerSentEvent("7", "message", " c"),
    ]


def test_what_the_connections_end_cut_off_is_no_event():
    assert events(b"id: 1\ndata: whole\n\nid: 2\ndata: half\n") == [
        ServerSentEvent("1", "message", "whole")
    ]


def test_a_block_without_data_is_no_event():
    assert events(b"id: 3\nevent: x\n\n") == []


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_of_the_standard(end):
    text = b"id: 1\ndata: x\n\nid: 2\ndata: y\n\n:\n".replace(b"\n", end)
    assert [event.data for event in events(text)] == ["x", "y"]


def test_a_line_separator_inside_json_does_not_cut_it():
    data = '{"name": "a\u2028b\u0085c\x0bd"}'
    assert events(f"data: {data}\n\n".encode())[0].data == data


@given(st.binary(max_size=300), st.data())
def test_chunk_borders_do_not_matter(tail, data):
    text = b"id: 1\r\ndata: \xc3\xa5\r\n\r\n" + tail
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert events(*pieces) == events(text)
