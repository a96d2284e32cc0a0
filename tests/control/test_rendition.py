"""Pieces of an answer, made once for all who get it."""

from __future__ import annotations

from collections.abc import Iterator

import gevent

from control.rendition import Rendition, Renditions, printed


def counted(made: list[int], pieces: int = 5) -> Iterator[bytes]:
    for number in range(pieces):
        made.append(number)
        yield b"%d" % number
        yield b""  # may be interrupted


def test_each_piece_is_made_once_for_all_who_want_it() -> None:
    made: list[int] = []
    rendition = Rendition(counted(made))
    telling = [gevent.spawn(lambda: b"".join(rendition)) for _ in range(10)]
    gevent.joinall(telling, timeout=10, raise_error=True)
    assert [one.value for one in telling] == [b"01234"] * 10
    assert made == [0, 1, 2, 3, 4]
    assert list(rendition) == [b"0", b"1", b"2", b"3", b"4"]


def test_a_piece_is_made_when_the_first_one_wants_it_and_the_slow_delay_nobody() -> None:
    made: list[int] = []
    rendition = Rendition(counted(made))
    slow = iter(rendition)
    assert (next(slow), made) == (b"0", [0])
    assert b"".join(rendition) == b"01234"
    assert b"".join(slow) == b"1234"


def test_who_is_killed_in_the_midst_of_it_leaves_the_rest_to_the_others() -> None:
    rendition = Rendition(counted([]))
    begun = iter(rendition)
    next(begun)
    killed = gevent.spawn(lambda: next(begun))
    gevent.sleep(0)  # it waits for its turn
    killed.kill()
    assert b"".join(rendition) == b"01234"


def test_an_empty_answer_has_no_pieces() -> None:
    assert list(Rendition(iter([b""]))) == []


def test_a_result_has_a_rendition_for_each_form_until_there_is_another() -> None:
    renditions, result = Renditions(), {"a": 1}
    first = renditions.of(result, "csv", lambda: iter([b"a"]))
    assert renditions.of(result, "csv", lambda: iter([b"b"])) is first
    assert list(renditions.of(result, "json", lambda: iter([b"c"]))) == [b"c"]
    assert renditions.of(dict(result), "csv", lambda: iter([b"d"])) is not first
    renditions.clear()
    assert list(renditions.of(result, "csv", lambda: iter([b"e"]))) == [b"e"]
    assert list(first) == [b"a"]


def test_lines_are_printed_many_at_a_time() -> None:
    lines = [f"line {number}" for number in range(20_000)]
    pieces = list(printed(lines))
    assert b"".join(pieces).decode().splitlines() == lines
    assert 1 < len(pieces) < 20
    assert list(printed(["\udcff"])) == [b"\\udcff\n"]
    assert list(printed([])) == []
