"""Words and maps become arguments, or a sentence about what is wrong with them."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.arguments import complete, parse, split_line
from control.commands.command import JSON, CommandError, ErrorKind, Option, find
from control.commands.table import COMMANDS

DOWN = find("host-down", COMMANDS)
HOSTS = find("hosts", COMMANDS)
STATS = find("stats", COMMANDS)
ABC = {"service": "a", "group": "b", "host": "c"}
PLAIN = {**ABC, "reason": None, "force": False, "for": None, "close": False, "dry-run": False}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a b c", PLAIN),
        ("a b c --force", {**PLAIN, "force": True}),
        ("--force a --reason=x b c", {**PLAIN, "force": True, "reason": "x"}),
        ("a b --reason x c", {**PLAIN, "reason": "x"}),
        ("a b c --reason -x", {**PLAIN, "reason": "-x"}),
        ("a b c --reason ''", {**PLAIN, "reason": ""}),
        ("-- -a b c", {**PLAIN, "service": "-a"}),
        ("a b -- --force", {**PLAIN, "host": "--force"}),
        ("a - c", {**PLAIN, "group": "-"}),
    ],
)
def test_options_may_stand_anywhere(words: str, expected: dict[str, Any]) -> None:
    assert parse(DOWN, shlex.split(words)) == expected


def test_optional_arguments_are_none_when_left_out() -> None:
    assert parse(HOSTS, ["web"]) == {"service": "web", "group": None}


def test_common_options_belong_to_every_row() -> None:
    common = (JSON, Option("socket", "where", metavar="PATH", letter="s"))
    expected = {"service": "web", "group": None, "json": True, "socket": "/x"}
    assert parse(HOSTS, ["web", "-s", "/x", "--json"], common) == expected


@pytest.mark.parametrize(
    ("row", "words", "complaint"),
    [
        (DOWN, "a b", "HOST is missing"),
        (DOWN, "a b c d e", "too many arguments: d e"),
        (DOWN, "a b c --forse", "unknown option '--forse'; did you mean '--force'"),
        (DOWN, "a b c --force=yes", "--force takes no value"),
        (DOWN, "a b c --reason", "--reason needs a value"),
        (STATS, "--format xml", '--format can\'t be "xml", only text or json'),
        (HOSTS, "-x", "unknown option '-x'"),
    ],
)
def test_what_does_not_fit_is_wrong_usage(row: Any, words: str, complaint: str) -> None:
    with pytest.raises(CommandError) as failed:
        parse(row, words.split())
    assert failed.value.kind is ErrorKind.USAGE
    assert complaint in str(failed.value)
    assert f"usage: {row.usage}" in str(failed.value)


@pytest.mark.parametrize("words", [["a", "b", "c", "x" * 70_000], ["--format", "x" * 70_000]])
def test_a_long_word_that_does_not_fit_is_not_repeated_in_full(words: list[str]) -> None:
    with pytest.raises(CommandError) as failed:
        parse(STATS, words)
    assert len(str(failed.value)) < 500


def test_a_map_is_completed() -> None:
    assert complete(DOWN, ABC) == PLAIN


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "SVC is missing"),
        ({**ABC, "host": 7}, "host is not text"),
        ({**ABC, "host": None}, "HOST is missing"),
        ({**ABC, "force": "yes"}, "force is not true or false"),
        ({**ABC, "force": None}, "force is not true or false"),
        ({**ABC, "reason": ["x"]}, "reason is not text"),
        ({**ABC, "colour": "red"}, "there is no argument 'colour'"),
        (dict[Any, Any](ABC) | {5: "red"}, "there is no argument 5"),
    ],
)
def test_a_map_that_does_not_fit_is_wrong_usage(given: dict[Any, Any], complaint: str) -> None:
    with pytest.raises(CommandError) as failed:
        complete(DOWN, given)
    assert failed.value.kind is ErrorKind.USAGE
    assert complaint in str(failed.value)


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("", []),
        (" ; ;; ", []),
        ("stats", [["stats"]]),
        ("hosts web; workers", [["hosts", "web"], ["workers"]]),
        ("a;b", [["a"], ["b"]]),
        ("a 'b;c' \"d e\"", [["a", "b;c", "d e"]]),
        ("a ';' ''", [["a", ";", ""]]),
        (r"a b\ c \; d\"", [["a", "b c", ";", 'd"']]),
        (r"""a 'b\' "c\"d" """, [["a", "b\\", 'c"d']]),
        ("a\tb\r", [["a", "b"]]),
        ("a x'y'z", [["a", "xyz"]]),
    ],
)
def test_a_line_is_split_as_a_shell_does(line: str, commands: list[list[str]]) -> None:
    assert split_line(line) == commands


def test_an_open_quote_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="not closed") as failed:
        split_line("host-down 'a b")
    assert failed.value.kind is ErrorKind.USAGE


@given(st.lists(st.lists(st.text(), min_size=1), min_size=1))
def test_what_a_shell_would_quote_comes_back(commands: list[list[str]]) -> None:
    assert split_line(";".join(shlex.join(words) for words in commands)) == commands
