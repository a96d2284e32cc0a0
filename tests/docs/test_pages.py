"""What the manual says is so: configurations parse, commands and options exist, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from control.cli import COMMON
from control.commands.table import COMMANDS
from director.__main__ import COMMANDS as DAEMON_COMMANDS
from director.__main__ import parser
from director.config.reader import read
from director.errors import Severity
from tests.docs.pages import PAGES, ROOT, Block, blocks

XML = [block for page in PAGES for block in blocks(page) if block.language == "xml"]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_CONTROL = re.compile(r"\bdirectorctl ((?:--?[a-z-]+ )*)([a-z][a-z-]*)([^\n`;|&]*)")
_DAEMON = re.compile(r"\bdirectord ((?:-c \S+ )?)([a-z][a-z-]*)\b")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


def code(page: Path) -> str:
    """All that a page shows as code."""
    return "\n".join(_CODE.findall(page.read_text()))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("block", XML, ids=str)
def test_every_configuration_is_good(block: Block) -> None:
    _, problems = read(block.text.encode(), str(block))
    assert [str(one) for one in problems if one.severity is Severity.ERROR] == []


def test_the_ready_made_checks_are_good() -> None:
    _, problems = read((ROOT / "etc/config-checks.xml").read_bytes(), "config-checks.xml")
    assert [str(one) for one in problems] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_directorctl_exists_with_its_options(page: Path) -> None:
    rows = {row.name: row for row in COMMANDS}
    common = {option.name for option in COMMON}
    for before, command, rest in _CONTROL.findall(code(page)):
        assert command in rows
        options = {option.name for option in rows[command].options} | common
        assert set(_OPTION.findall(before + rest)) <= options, command


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_directord_exists(page: Path) -> None:
    assert {command for _, command in _DAEMON.findall(code(page))} <= set(DAEMON_COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if "://" not in link:
            target = link.partition("#")[0]
            assert not target or (page.parent / target).exists(), link


def test_the_options_of_directord_are_in_the_reference() -> None:
    reference = (ROOT / "docs" / "command-reference.md").read_text()
    for action in parser()._actions:
        assert all(spelling in reference for spelling in action.option_strings)


def test_every_dependency_is_in_the_table() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    section = text.partition("dependencies = [")[2].partition("]\n")[0]
    table = (ROOT / "docs" / "dependencies.md").read_text()
    names = re.findall(r'^ +"([A-Za-z0-9_.-]+)', section, re.MULTILINE)
    assert [one for one in names if f"| {one} |" not in table] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_is_in_the_contents(page: Path) -> None:
    if page.name in ("README.md", "index.md"):
        return
    contents = (ROOT / "docs" / "index.md").read_text()
    assert f"\n{page.relative_to(ROOT / 'docs').with_suffix('')}\n" in contents
