"""What the manual says is so: configurations parse, commands and options exist, links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from control.cli import COMMON
from control.commands.table import COMMANDS
from control.web.legacy import CALLS
from director.__main__ import COMMANDS as DAEMON_COMMANDS
from director.__main__ import parser
from director.config.reader import read
from director.errors import Severity
from tests.docs.pages import PAGES, ROOT, Block, blocks

XML = [block for page in PAGES for block in blocks(page) if block.language == "xml"]
# What a block may be. Shell is `sh`, and `console` where it is shown with what it prints.
LANGUAGES = {"sh", "console", "xml", "python", "yaml", "json", "text", "{toctree}", "{image}", "{literalinclude}"}
SHELL = [block for page in PAGES for block in blocks(page) if block.language in ("sh", "console")]
# Pages whose shell blocks are run, all of them and in order, and what runs them.
FOLLOWED = {
    "getting-started.md": "test_getting_started.py",
    "cases.md": "test_cases.py",
    "moving-from-python-director.md": "test_moving.py",
}
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


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_every_shell_block_is_run_or_says_why_not(block: Block) -> None:
    followed = block.language == "sh" and block.page.name in FOLLOWED
    assert block.not_run or followed, "put `<!-- not run: WHY -->` above the block, or have a test follow the page"


@pytest.mark.parametrize(("page", "test"), FOLLOWED.items())
def test_what_is_said_to_run_a_page_does_so(page: str, test: str) -> None:
    text = (ROOT / "tests" / "system" / test).read_text()
    sections = {block.section for block in blocks(ROOT / "docs" / page) if block.language == "sh" and not block.not_run}
    whole = re.search(rf'follow\("{re.escape(page)}", \w+[,)](?! ")', text)
    assert whole or all(f'follow("{page}", folder, "{section}")' in text for section in sections)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_its_language_and_no_shell_hides_as_text(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block}: say its language: {', '.join(sorted(LANGUAGES))}"
        assert block.language != "text" or not re.search(r"^[$#] \w", block.text, re.MULTILINE), block


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


def test_every_call_of_the_ancestors_is_in_the_page_on_moving() -> None:
    table = (ROOT / "docs" / "moving-from-python-director.md").read_text()
    for name, call in CALLS.items():
        row = re.search(rf"^\|[^|]*`/{name}\b[^|]*\|([^|]*)\|", table, re.MULTILINE)
        assert row, name
        assert f"directorctl {call.command}" in row[1] or name == "closeLog"


def installed(name: str, found: dict[str, str]) -> dict[str, str]:
    """This package and all that it needs to run here, each with what it says of its licence."""
    key = canonicalize_name(name)
    if key in found:
        return found
    package = distribution(name)
    classifiers = [one for one in package.metadata.get_all("Classifier") or [] if one.startswith("License")]
    said = [text for field in ("License-Expression", "License") for text in package.metadata.get_all(field) or []]
    found[key] = " ".join([*said, *classifiers])
    for needed in map(Requirement, package.requires or []):
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            installed(needed.name, found)
    return found


def test_every_dependency_is_in_the_table_with_its_licence() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (ROOT / "docs" / "dependencies.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| package")
    ]
    assert all(all(row) for row in rows)
    full = {canonicalize_name(row[0]): row[3] for row in rows if len(row) == 5}
    brought = {canonicalize_name(name): row[2] for row in rows if len(row) == 3 for name in row[0].split(", ")}
    found = installed("director", {})
    found.pop("director")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = {canonicalize_name(Requirement(one).name) for one in project["dependencies"]}
    assert set(full) == asked
    assert set(brought) | asked == set(found)
    for package, licence in (full | brought).items():
        assert licence.split(" ")[0] in found[package], package


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_is_in_the_contents(page: Path) -> None:
    if page.name in ("README.md", "index.md"):
        return
    contents = (ROOT / "docs" / "index.md").read_text()
    assert f"\n{page.relative_to(ROOT / 'docs').with_suffix('')}\n" in contents
