"""One kind of value after the other: what is taken, and what it means."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from director.access import Access
from director.config import values
from director.config.values import BadValue, duration, format_duration, integer, member, truth


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5.0), ("500ms", 0.5), ("2s", 2.0), ("30m", 1800.0), ("1.5h", 5400.0), ("0", 0.0)]
)
def test_durations_are_seconds_or_have_a_unit(text: str, seconds: float) -> None:
    assert duration().parse(text, "") == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "nan", "inf", "5 s 3", "1d", "1e999"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        duration().parse(text, "")


def test_a_number_that_looks_like_milliseconds_is_doubted_and_one_with_a_unit_is_not() -> None:
    assert duration().doubt("5000") == "write 5000s, or 5s if milliseconds are meant"
    assert [text for text in ("500", "3600", "5000s", "0", "30000ms") if duration().doubt(text)] == []


@given(strategies.floats(0, 365 * 86400, allow_nan=False))
def test_a_duration_reads_back_as_it_was_written(seconds: float) -> None:
    seconds = round(seconds, 6)  # finer than a microsecond nothing is kept
    assert duration().parse(format_duration(seconds), "") == seconds


def test_integers_have_borders() -> None:
    assert integer(1, 9).parse("9", "") == 9
    for text in ("0", "10", "x", "1.0", "٣"):
        with pytest.raises(BadValue):
            integer(1, 9).parse(text, "")


@pytest.mark.parametrize(
    ("text", "reason"), [("-1", "out of range"), ("9" * 5000, "out of range"), ("x", "not a whole number")]
)
def test_a_whole_number_that_is_not_taken_is_not_told_that_it_is_none(text: str, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        integer(1, 9).parse(text, "")


@pytest.mark.parametrize("value", [duration(), values.WEIGHT])
@pytest.mark.parametrize("text", ["-1", "99999999999999"])
def test_a_number_beyond_the_borders_is_called_that(value: values.Value, text: str) -> None:
    with pytest.raises(BadValue, match="out of range"):
        value.parse(text, "")


def test_a_scheduler_that_is_not_there_is_not_offered_with_sticky() -> None:
    with pytest.raises(BadValue) as raised:
        values.canonical_scheduler("roundrobbin,stiky")
    assert raised.value.remedy == "did you mean 'roundrobin'?"


def test_what_is_wrong_with_a_long_scheduler_is_told_in_short() -> None:
    with pytest.raises(BadValue) as raised:
        values.canonical_scheduler(f"python:m:{'x' * 3000},stiky")
    assert len(raised.value.remedy) < 200


@pytest.mark.parametrize(
    ("text", "meaning"), [("yes", True), ("TRUE", True), ("0", False), ("no", False), ("maybe", None)]
)
def test_truth_has_many_words(text: str, meaning: bool | None) -> None:
    assert truth(text) is meaning


def test_hashes_are_told_from_words() -> None:
    assert values.is_hash("iy9l0V1MkG1DE")
    assert not values.is_hash("secret")


def test_the_members_there_are_are_told_as_they_are_written() -> None:
    with pytest.raises(BadValue) as raised:
        member(Access).parse("root", "")
    assert raised.value.remedy == "there is 'full', 'readonly'"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("--deep  3", ("--deep", "3")),
        ("--user 'John Doe' \"it's\"", ("--user", "John Doe", "it's")),
        ("''", ("",)),
        ("x;y $HOME", ("x;y", "$HOME")),
    ],
)
def test_words_are_quoted_as_in_a_shell(text: str, words: tuple[str, ...]) -> None:
    assert values.QUOTED_WORDS.parse(text, "") == words
    assert values.QUOTED_WORDS.parse(values.QUOTED_WORDS.format(words), "") == words


@pytest.mark.parametrize("text", ["it's", 'a "b', "a\\", "a\tb"])
def test_words_whose_quotes_are_open_are_refused(text: str) -> None:
    with pytest.raises(BadValue) as raised:
        values.QUOTED_WORDS.parse(text, "")
    assert raised.value.remedy
