"""The table of all commands."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from control.commands.command import DRY_RUN, Section
from control.commands.table import COMMANDS
from director.access import Access
from tests.control.commands.running import run
from tests.control.hubs import FakeHub


def test_every_name_is_there_once() -> None:
    names = [row.name for row in COMMANDS]
    assert len(names) == len(set(names))


def test_commands_of_one_section_stand_together_in_the_order_of_sections() -> None:
    assert [section for section, _ in groupby(row.section for row in COMMANDS)] == list(Section)


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_required_arguments_come_first(row: Any) -> None:
    required = [argument.required for argument in row.arguments]
    assert required == sorted(required, reverse=True)


def test_help_lists_all_or_details_one(hub: FakeHub) -> None:
    assert len(run(hub, "help")["commands"]) == len(COMMANDS)
    result = run(hub, "help", command="host-down")
    assert result["detailed"]
    (told,) = result["commands"]
    assert told["usage"] == "host-down SVC GRP HOST [--for TIME] [--close] [--reason TEXT] [--force] [--dry-run]"


def test_every_command_that_changes_what_runs_can_tell_before_what_it_would_do() -> None:
    without = {row.name for row in COMMANDS if row.access is Access.FULL and DRY_RUN not in row.options}
    # A test of a host; the same config in new processes; what is worth a line, and where lines go.
    assert without == {"host-retry", "upgrade", "log-level", "log-reopen"}
