"""Writes the parts of the manual that follow from the code's own tables.

    python docs/reference.py           write them
    python docs/reference.py --check   exit with 1 if one is not up to date

The configuration reference, the man page of config.xml and the RELAX NG schema
come from the schema and its manual; the command reference and the man pages of
both commands from the tables of commands. Nobody edits these files by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from control.cli import COMMON
from control.commands.command import Command
from control.commands.table import COMMANDS
from director.__main__ import COMMANDS as DAEMON_COMMANDS
from director.__main__ import parser
from director.config import manual, schema
from director.config.schema import Attribute, Element

DOCS = Path(__file__).parent
ROOT = DOCS.parent

_MADE = "<!-- Made by docs/reference.py from the code: edit there. -->\n\n"

_EXITS = """| exit | `directord` | `directorctl` |
|---|---|---|
| 0 | done, also when it was so already | done, also when it was so already |
| 1 | failed; nothing was changed | refused, failed, or an unknown name; the reason is on stderr |
| 2 | bad arguments | unknown command, option, number of arguments, or word where there is a list; any other value that is not right: 1 |
| 4 | no rights | |
| 7 | not running | the daemon can't be reached |
| 78 | bad configuration; nothing was changed | |
| 150 | `upgrade`: refused or busy | |
| 151 | `upgrade`: rolled back; the reason is printed | |

`directord status` exits with 0 running, 1 dead with its pid file left, 2 dead with workers still finishing, 3 stopped,
4 unknown.
"""

_SIGNALS = """| signal to the master | does |
|---|---|
| HUP | reload |
| USR1 | re-open the logs, everywhere |
| USR2 | upgrade |
| TERM | stop gracefully; a second one at once |
| INT, QUIT | stop at once |
| WINCH | accept nothing new; a second one resumes (daemonised only) |
| TTIN, TTOU | a worker more, a worker fewer |
"""


def _default(row: Attribute) -> str:
    if row.required:
        return "required"
    shown = row.value.show(row.default)
    return f"`{shown}`" if shown else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _parents(tag: str) -> list[str]:
    return [one.tag for one in schema.ELEMENTS.values() if tag in one.children]


def _element(element: Element) -> Iterator[str]:
    yield f"## `<{element.tag}>`\n"
    yield manual.ELEMENTS[element.tag]
    if parents := _parents(element.tag):
        once = any(element.tag in schema.ELEMENTS[parent].once for parent in parents)
        yield f"In {' or '.join(f'`<{parent}>`' for parent in parents)}, {'at most once' if once else 'any number'}."
    if element.children:
        yield f"Holds {', '.join(f'`<{child}>`' for child in element.children)}."
    yield "\n| attribute | what for | value | default | example | since |\n|---|---|---|---|---|---|"
    for row in element.attributes:
        entry = manual.ATTRIBUTES[element.tag][row.name]
        cells = (f"`{row.name}`", entry.text, row.value.what, _default(row), f"`{entry.example}`", entry.since)
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
    yield ""


def configuration() -> str:
    """The configuration reference."""
    intro = (
        "# Configuration reference\n\n"
        "Every element and attribute of `config.xml`. Durations are seconds, or a number with `ms`, `s`, `m` or `h`;\n"
        "relative paths start at the folder of the file. `directord check FILE` tells all that is wrong with a file at\n"
        "once, with line and remedy. How it hangs together is told in [Configuring](configuring.md).\n"
    )
    elements = (line for element in schema.ELEMENTS.values() for line in _element(element))
    return _MADE + intro + "\n" + "\n".join(elements)


def _command(row: Command) -> Iterator[str]:
    yield f"### `{row.name}`\n"
    yield f"`directorctl {row.usage}`\n"
    yield f"{row.summary[0].upper()}{row.summary[1:]}.{' Needs full access.' if row.access.value == 'full' else ''}\n"
    for option in row.options:
        yield f"- `{option.usage}`: {option.help}"
    if row.options:
        yield ""


def _sections(rows: Iterable[Command]) -> Iterator[str]:
    for section, members in groupby(rows, key=lambda row: row.section):
        yield f"## {section.value.capitalize()}\n"
        for row in members:
            yield from _command(row)


def _common() -> Iterator[str]:
    for option in COMMON:
        letter = f"`-{option.letter}`, " if option.letter else ""
        yield f"- {letter}`{option.usage}`: {option.help}"


def _daemon_options() -> Iterator[str]:
    for action in parser()._actions:  # argparse has no public way to list them
        if action.option_strings and action.help:
            value = f" {action.metavar}" if action.metavar else f" {'|'.join(action.choices)}" if action.choices else ""
            yield f"- {', '.join(f'`{spelling}{value}`' for spelling in action.option_strings)}: {action.help}"


def _daemon() -> str:
    verbs = "\n".join(f"- `directord {name}`: {text}" for name, text in DAEMON_COMMANDS.items())
    return f"{verbs}\n\nOptions, before or after the command:\n\n" + "\n".join(_daemon_options()) + "\n"


def commands() -> str:
    """The reference of both commands."""
    return (
        f"{_MADE}# Command reference\n\n## `directord`\n\n{_daemon()}\n{_SIGNALS}\n## Exit status\n\n{_EXITS}\n"
        "## `directorctl`\n\n`directorctl [OPTIONS] COMMAND [ARGUMENTS]`; options of all commands:\n\n"
        + "\n".join(_common())
        + "\n\n"
        + "\n".join(_sections(COMMANDS))
    )


def man_directord() -> str:
    """directord(8)."""
    return (
        f"{_MADE}# directord\n\n## Synopsis\n\n`directord [OPTIONS] COMMAND`\n\n## Description\n\n"
        "The daemon of director, a TCP load balancer: a master that owns the listening sockets, a hub that knows\n"
        "the state of all, and workers that move the bytes.\n\n"
        f"## Commands\n\n{_daemon()}\n## Signals\n\n{_SIGNALS}\n## Exit status\n\n{_EXITS}\n"
        "## See also\n\ndirectorctl(1), director-config.xml(5)\n"
    )


def man_directorctl() -> str:
    """directorctl(1)."""
    return (
        f"{_MADE}# directorctl\n\n## Synopsis\n\n`directorctl [OPTIONS] COMMAND [ARGUMENTS]`\n\n## Description\n\n"
        "Looks at a running director and changes it.\n\n## Options\n\n"
        + "\n".join(_common())
        + "\n\n"
        + "\n".join(_sections(COMMANDS))
        + f"\n## Exit status\n\n{_EXITS}\n## See also\n\ndirectord(8), director-config.xml(5)\n"
    )


def man_config() -> str:
    """director-config.xml(5)."""
    parts = ["# director-config.xml\n", "## Description\n", "The configuration of directord(8).\n"]
    for element in schema.ELEMENTS.values():
        parts += [f"## {element.tag}\n", manual.ELEMENTS[element.tag], ""]
        for row in element.attributes:
            entry = manual.ATTRIBUTES[element.tag][row.name]
            parts.append(f"`{row.name}` ({row.value.what}; default: {_default(row)})\n: {entry.text}\n")
    return _MADE + "\n".join([*parts, "## See also\n", "directord(8), directorctl(1)\n"])


def _rng_attribute(tag: str, row: Attribute) -> Iterator[str]:
    entry = manual.ATTRIBUTES[tag][row.name]
    yield "" if row.required else "      <optional>"
    yield f"      <attribute name={quoteattr(row.name)}>"
    yield f"        <a:documentation>{escape(f'{entry.text} {row.value.what}; default: {_default(row)}')}</a:documentation>"
    yield "        <text/>"
    yield "      </attribute>"
    yield "" if row.required else "      </optional>"


def _rng_element(element: Element) -> Iterator[str]:
    yield f'  <define name="{element.tag}">'
    yield f'    <element name="{element.tag}">'
    yield f"      <a:documentation>{escape(manual.ELEMENTS[element.tag])}</a:documentation>"
    for row in element.attributes:
        yield from filter(None, _rng_attribute(element.tag, row))
    if element.children:
        yield "      <interleave>"
        for child in element.children:
            times = "optional" if child in element.once else "zeroOrMore"
            yield f'        <{times}><ref name="{child}"/></{times}>'
        yield "      </interleave>"
    else:
        yield "      <empty/>"
    yield "    </element>\n  </define>"


def relaxng() -> str:
    """The RELAX NG schema, for editors; `directord check` knows more."""
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<!-- Made by docs/reference.py from the code: edit there. -->",
            '<grammar xmlns="http://relaxng.org/ns/structure/1.0"',
            '         xmlns:a="http://relaxng.org/ns/compatibility/annotations/1.0">',
            '  <start><ref name="director"/></start>',
            *(line for element in schema.ELEMENTS.values() for line in _rng_element(element)),
            "</grammar>\n",
        ]
    )


MADE = {
    DOCS / "config-reference.md": configuration,
    DOCS / "command-reference.md": commands,
    DOCS / "man" / "directord.md": man_directord,
    DOCS / "man" / "directorctl.md": man_directorctl,
    DOCS / "man" / "director-config.xml.md": man_config,
    ROOT / "etc" / "director.rng": relaxng,
}


def main(argv: list[str]) -> int:
    """Write what differs, or with --check only say so."""
    stale = [path for path, make in MADE.items() if not path.exists() or path.read_text() != make()]
    if "--check" in argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date; run: make docs", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MADE[path]())
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
