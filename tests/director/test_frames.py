"""Bytes in any portions, frames out."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from director.errors import RemoteProtocolError
from director.frames import LENGTH, FrameReader, enclose, is_long, pack, pack_slowly, unpack

VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(2**63), 2**63)
    | strategies.text()
    | strategies.binary(),
    lambda inner: strategies.lists(inner, max_size=4) | strategies.dictionaries(strategies.text(), inner, max_size=4),
    max_leaves=8,
)


@given(strategies.lists(VALUES, max_size=5), strategies.integers(1, 50))
def test_frames_survive_any_portioning(sent: list[object], portion: int) -> None:
    data = b"".join(pack(value) for value in sent)
    reader = FrameReader()
    got = []
    for start in range(0, len(data), portion):
        got += [unpack(body) for body in reader.feed(data[start : start + portion])]
    assert got == sent
    assert reader.pending == 0


@given(VALUES, strategies.integers(1, 3))
def test_packed_slowly_it_is_the_same_frame(value: object, size: int) -> None:
    assert b"".join(enclose({"id": 7}, "result", pack_slowly(value, size))) == pack({"id": 7, "result": value})


def test_who_packs_a_long_list_may_pause_after_every_so_many_entries() -> None:
    value = {"services": [{"hosts": [{"name": "x" * 100}] * 2000}]}
    assert is_long(value)
    pieces = list(pack_slowly(value))
    assert pieces.count(b"") == 2000 / 50
    assert b"".join(pieces) == pack(value)[LENGTH.size :]


def test_a_frame_over_the_limit_is_refused_before_it_is_collected() -> None:
    with pytest.raises(RemoteProtocolError, match="limit is 10"):
        FrameReader(10).feed(LENGTH.pack(11))


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x81\x90\x01", b"\x93\x01"])
def test_what_is_no_msgpack_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack(body)


@pytest.mark.parametrize("body", [b"\xc1\xc1", b"\x91" * 50_000 + b"\x01"])
def test_who_is_refused_a_frame_is_told_why_also_where_msgpack_says_nothing(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"can't read a frame: [a-z]"):
        unpack(body)
