"""What a row says of itself."""

from __future__ import annotations

import pytest

from control.commands.command import CommandError, ErrorKind, find, unknown
from control.commands.table import COMMANDS
from director.errors import Exit


def test_an_unknown_command_gets_the_nearest_and_is_wrong_usage() -> None:
    with pytest.raises(CommandError, match="'hosts'") as failed:
        find("hots", COMMANDS)
    assert (failed.value.kind, failed.value.exit) == (ErrorKind.USAGE, Exit.USAGE)


def test_without_anything_near_it_says_what_there_is() -> None:
    assert "a" in unknown("host", "zzzzzz", ["a", "b"])


def test_optional_arguments_nest_in_the_synopsis() -> None:
    assert find("hosts", COMMANDS).synopsis == "hosts [SVC [GRP]]"
