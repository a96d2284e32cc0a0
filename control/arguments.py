"""Words and maps -> the arguments of a command, by its row in the table.

`directorctl` and the line dialect send words, frames send a map; both end as a
map with every argument and option of the row in it: text, True or False for a
flag, None for what was not given. What does not fit raises CommandError of
kind usage.

Not argparse: it can't tell the name "-a" from an option where options may
stand between arguments, and words its errors differently in each Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from control.commands.command import Command, CommandError, ErrorKind, Option, unknown
from director.printable import beginning


def parse(row: Command, words: Iterable[str], common: Sequence[Option] = ()) -> dict[str, Any]:
    """The arguments in `words`. The options of `common` belong to every row.

    Options may stand anywhere; after `--` every word is an argument.
    """
    try:
        return complete(row, _sorted(row, iter(words), common), common)
    except CommandError as error:
        raise CommandError(error.kind, f"{error}\nusage: {row.usage}") from None


def _sorted(row: Command, words: Iterator[str], common: Sequence[Option]) -> dict[str, Any]:
    options = {spelling: option for option in (*row.options, *common) for spelling in option.spellings}
    given: dict[str, Any] = {}
    plain: list[str] = []
    for word in words:
        if word == "--":
            plain += words
        elif word.startswith("-") and word != "-":
            spelling, equals, value = word.partition("=")
            if spelling not in options:
                raise _misfit(row, unknown("option", spelling, options))
            option = options[spelling]
            given[option.name] = _value(row, spelling, option, value if equals else None, words)
        else:
            plain.append(word)
    names = [argument.name for argument in row.arguments]
    if len(plain) > len(names):
        raise _misfit(row, f"too many arguments: {beginning(' '.join(plain[len(names) :]))}")
    return given | dict(zip(names, plain, strict=False))


def _value(row: Command, spelling: str, option: Option, value: str | None, words: Iterator[str]) -> Any:
    if option.flag:
        if value is not None:
            raise _misfit(row, f"{spelling} takes no value")
        return True
    value = next(words, None) if value is None else value
    if value is None:
        raise _misfit(row, f"{spelling} needs a value")
    return value


def complete(row: Command, given: Any, common: Sequence[Option] = ()) -> dict[str, Any]:
    """`given`, checked against the row, and with every argument and option that it does not name."""
    if not isinstance(given, dict):
        raise _misfit(row, "args is not a map")
    args: dict[str, Any] = {}
    for argument in row.arguments:
        value = args[argument.name] = given.get(argument.name)
        if value is None and argument.required:
            raise _misfit(row, f"{argument.metavar} is missing")
        if argument.carries and isinstance(value, list | tuple):
            args[argument.name] = _carried(row, argument.metavar, value)
        elif not isinstance(value, str | None):
            raise _misfit(row, f"{argument.name} is not text")
    for option in (*row.options, *common):
        value = args[option.name] = given.get(option.name, False if option.flag else None)
        if not isinstance(value, bool if option.flag else str | None):
            raise _misfit(row, f"{option.name} is not {'true or false' if option.flag else 'text'}")
        if option.choices and value is not None and value not in option.choices:
            shown = beginning(str(value))
            raise _misfit(row, f'--{option.name} can\'t be "{shown}", only {" or ".join(option.choices)}')
    for name in given:
        if name not in args:
            raise _misfit(row, f"there is no argument {name!r}")
    return args


def _carried(row: Command, metavar: str, value: Any) -> tuple[str, bytes]:
    """The name and the bytes of a file: the client reads it, the daemon opens nothing that a command names."""
    match value:
        case [str(name), bytes(text)]:
            return name, text
    raise _misfit(row, f"{metavar} is not [name, bytes]")


def _misfit(row: Command, cause: str) -> CommandError:
    return CommandError(ErrorKind.USAGE, f"can't run {row.name}: {cause}")


def split_line(line: str) -> list[list[str]]:
    """The commands in one line, divided by `;`, each as its words, quoted as in a shell."""
    commands: list[list[str]] = [[]]
    word: str | None = None  # None between words; an empty one may be quoted
    quote = ""
    letters = iter(line)
    for letter in letters:
        if quote and letter == quote:
            quote = ""
        elif letter == "\\" and quote != "'":
            word = (word or "") + next(letters, "")
        elif quote:
            word = (word or "") + letter
        elif letter in "'\"":
            quote, word = letter, word or ""
        elif letter.isspace() or letter == ";":
            if word is not None:
                commands[-1].append(word)
            word = None
            if letter == ";":
                commands.append([])
        else:
            word = (word or "") + letter
    if quote:
        raise CommandError(ErrorKind.USAGE, f"can't read the line: a quote {quote} is not closed")
    if word is not None:
        commands[-1].append(word)
    return [words for words in commands if words]
