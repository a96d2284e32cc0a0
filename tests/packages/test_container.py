"""The container file: what it copies is there, and what it runs exists."""

from __future__ import annotations

import json
import re

from control.commands.table import COMMANDS
from director.__main__ import parser
from tests.docs.pages import ROOT

TEXT = (ROOT / "etc" / "Containerfile").read_text()


def words(instruction: str) -> list[str]:
    (found,) = re.findall(rf"^{instruction} (\[.*\])$", TEXT, re.MULTILINE)
    said = json.loads(found)
    assert isinstance(said, list)
    return said


def test_it_starts_the_daemon_in_the_foreground_with_options_that_exist() -> None:
    program, *options = [*words("ENTRYPOINT"), *words("CMD")]
    assert program == "directord"
    given = parser().parse_args(options)
    assert given.command == "start"
    assert given.foreground
    assert given.run_dir == "/run/director"


def test_its_health_is_asked_of_the_daemon_it_starts() -> None:
    program, option, folder, command = words("HEALTHCHECK CMD")
    assert (program, option, folder) == ("directorctl", "--run-dir", "/run/director")
    assert command in {row.name for row in COMMANDS}
