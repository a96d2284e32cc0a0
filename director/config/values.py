"""The values of attributes: text <-> durations, numbers, words, schedulers, what checks say.

One `Value` for each kind (those of addresses are in `addresses.py`), used by the
rows of `schema.py`, by the reader, the writer and the plan. Every one gives
back what it wrote: for each valid value v, `parse(format(v), folder) == v`.
What a text can't be is said by BadValue.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from director.config.lookup import nearest
from director.config.model import OWN_SCHEDULER, SCHEDULERS, STICKY
from director.printable import quoted

YEAR = 365 * 86400.0  # the longest duration, in seconds
MAX_COUNT = 1_000_000_000
MAX_WEIGHT = 1_000_000
MAX_TEXT = 1024  # characters of a pattern, or of what a check sends or expects

SCHEDULER_ALIASES = {  # as txLoadBalancer named them; it never built the last three
    "rand": "random",
    "roundr": "roundrobin",
    "leastc": "leastconnsrr",
    "weightr": "random",
    "weightlc": "leastconns",
    "lweighted": "leastconns",
    "sticky": "leastconns,sticky",
}

_UNITS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_MICROSECOND = Decimal("0.000001")
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|)")
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_INTEGER = re.compile(r"[0-9]{1,18}")
_OUT_OF_RANGE = re.compile(r"[+-]?[0-9]+")  # what is a whole number, where it is none that we take
_MILLISECONDS = re.compile(r"[1-9][0-9]*000")  # what a number without a unit may be meant in
_OWN_SCHEDULER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*|[A-Za-z_][\w-]*", re.ASCII)
_STATUSES = re.compile(r"[1-5][0-9]{2}(?:-[1-5][0-9]{2})?")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.|$)", re.DOTALL)
_ESCAPED = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
_HASH = re.compile(r"[./0-9A-Za-z]{13}|\$[!-~]{12,}")
_LOGGED = ("all", "errors", "none")
_TRUE = ("yes", "true", "on", "enable", "1")
_FALSE = ("no", "false", "off", "disable", "0")


class BadValue(Exception):
    """A text that is no such value. `unknown`: it is a word, but none of those there are."""

    def __init__(self, reason: str, remedy: str, unknown: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class Value:
    """One kind of value.

    `what` says to people what is right. `parse` takes the text and the folder
    that relative paths start at, and raises BadValue. `none` is the word for
    None where None can be. `verbatim`: blanks at the ends belong to it.
    `secret`: never to be shown. `doubt`: for a valid text that is likely to be meant
    otherwise, what to write; else None.
    """

    what: str
    parse: Callable[[str, str], Any]
    format: Callable[[Any], str] = str
    none: str = "none"
    verbatim: bool = False
    secret: bool = False
    doubt: Callable[[str], str | None] = lambda text: None

    def show(self, value: Any) -> str:
        """The value as config.xml has it; the word for it when it is None."""
        return self.none if value is None else self.format(value)


def optional(value: Value, none: str = "none") -> Value:
    """The same, or None, written as the word `none`."""

    def parse(text: str, folder: str) -> Any:
        if text == none:
            return None
        try:
            return value.parse(text, folder)
        except BadValue as error:
            raise BadValue(error.reason, f"{error.remedy}, or '{none}'", error.unknown) from None

    return replace(value, what=f"{value.what}, or '{none}'", parse=parse, none=none)


# -- numbers -----------------------------------------------------------------


def _misread(text: str, reason: str) -> str:
    """Why a text is not the number that is wanted: it is out of range, or else `reason`."""
    return "out of range" if _OUT_OF_RANGE.fullmatch(text) else reason


def format_duration(seconds: float) -> str:
    """Seconds, exact to the microsecond, in the largest unit that leaves a whole number."""
    exact = Decimal(repr(seconds)).quantize(_MICROSECOND)
    if not exact:
        return "0"
    for unit in ("h", "m", "s", "ms"):
        count = exact / _UNITS[unit]
        if count == int(count):
            return f"{int(count)}{unit}"
    return f"{exact.normalize():f}s"


def format_decimal(number: float) -> str:
    """A number without exponent, and without a point if it is whole."""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")


def duration(low: float = 0.0, high: float = YEAR, whole: bool = False) -> Value:
    """Seconds, or a number with ms, s, m or h; `whole`: of seconds, as some socket options want them."""
    bounds = f"from {format_duration(low)} to {format_duration(high)}"
    what = f"a duration {bounds}{' in whole seconds' if whole else ''}"
    remedy = f"write seconds or a number with ms, s, m or h, {bounds}"

    def parse(text: str, _: str) -> float:
        match = _DURATION.fullmatch(text)
        if match is None:
            raise BadValue(_misread(text, "not a duration"), remedy)
        seconds = float((Decimal(match[1]) * _UNITS[match[2]]).quantize(_MICROSECOND))
        if not low <= seconds <= high:
            raise BadValue("out of range", remedy)
        if whole and not seconds.is_integer():
            raise BadValue("not whole seconds", remedy)
        return seconds

    return Value(what, parse, format_duration, doubt=_doubt_seconds)


def _doubt_seconds(text: str) -> str | None:
    """Other programs take a number without a unit for milliseconds."""
    if not _MILLISECONDS.fullmatch(text):
        return None
    return f"write {text}s, or {format_duration(float(text) / 1000)} if milliseconds are meant"


_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(?:/([smh]))?")
_SLOWEST = Decimal("0.0001")  # a second: one in three hours


def _rate(text: str, _: str) -> float:
    match = _RATE.fullmatch(text)
    remedy = "write how many a second, a minute or an hour, such as 5/s, 30/m or 0.5/s"
    if match is None:
        raise BadValue("not a rate", remedy)
    rate = (Decimal(match[1]) / _UNITS[match[2] or "s"]).quantize(_MICROSECOND)
    if rate < _SLOWEST:
        raise BadValue("out of range", remedy)
    return float(rate)


RATE = Value("a number and `/s`, `/m` or `/h`", _rate, lambda rate: f"{format_decimal(rate)}/s")


def integer(low: int, high: int = MAX_COUNT) -> Value:
    """A whole number."""
    what = f"a whole number from {low} to {high}"

    def parse(text: str, _: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise BadValue(_misread(text, "not a whole number"), f"write {what}")
        number = int(text)
        if not low <= number <= high:
            raise BadValue("out of range", f"write {what}")
        return number

    return Value(what, parse)


def _weight(text: str, _: str) -> float:
    remedy = f"write a decimal number from 0 to {MAX_WEIGHT}"
    if not _DECIMAL.fullmatch(text):
        raise BadValue(_misread(text, "not a weight"), remedy)
    number = float(text)
    if number > MAX_WEIGHT:
        raise BadValue("out of range", remedy)
    return number


WEIGHT = Value(f"a decimal number from 0 (nothing new) to {MAX_WEIGHT}", _weight, format_decimal)


def _mode(text: str, _: str) -> int:
    if not re.fullmatch("0?[0-7]{3}", text):
        raise BadValue("not a file mode", "write three octal digits, such as 0660")
    return int(text, 8)


MODE = Value("a file mode in octal, such as 0660", _mode, lambda mode: f"{mode:04o}")


# -- words -------------------------------------------------------------------


def choice(*words: str) -> Value:
    """One of these words."""
    what = "one of " + ", ".join(words)

    def parse(text: str, _: str) -> str:
        if text not in words:
            raise BadValue("unknown", nearest(text, words), unknown=True)
        return text

    return Value(what, parse)


def member(kind: type[StrEnum]) -> Value:
    """A member of an enum, by its value."""
    words = choice(*(one.value for one in kind))
    return replace(words, parse=lambda text, folder: kind(words.parse(text, folder)))


def truth(text: str) -> bool | None:
    """What a yes or no in any of its forms means; None: neither."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _flag(text: str, _: str) -> bool:
    value = truth(text)
    if value is None:
        raise BadValue("neither yes nor no", "write yes or no")
    return value


FLAG = Value("yes or no", _flag, lambda flag: "yes" if flag else "no")


def printable(text: str, _: str = "") -> str:
    """The text. Raises BadValue if nothing, or nothing that can be shown, is in it."""
    if not text:
        raise BadValue("empty", "write something")
    if not text.isprintable():
        raise BadValue("not printable", "take out the control characters")
    return text


TEXT = Value("printable text", printable)


def _account(text: str, _: str) -> str:
    if not text or not text.isprintable() or any(sign in text for sign in " :/,"):
        raise BadValue(
            "not the name of an account",
            "write a name or a number of this system's users or groups",
        )
    return text


ACCOUNT = Value("the name or number of a user or group of this system", _account)


def _words(text: str, _: str) -> tuple[str, ...]:
    if not text.isprintable():
        raise BadValue("not printable", "take out the control characters")
    return tuple(text.split(" ")) if text else ()


WORDS = Value(
    "words with a blank between them",
    lambda text, _: _words(" ".join(text.split()), _),
    " ".join,
)


def _quoted_words(text: str, _: str) -> tuple[str, ...]:
    if not text.isprintable():
        raise BadValue("not printable", "take out the control characters")
    try:
        return tuple(shlex.split(text))
    except ValueError:
        raise BadValue("not whole", "close every quotation, and write \\\\ for a backslash at the end") from None


QUOTED_WORDS = Value("words, quoted as in a shell", _quoted_words, shlex.join)


def _user_name(text: str, _: str) -> str:
    if not text.isprintable() or not text or ":" in text or text != text.strip():
        raise BadValue("not a user's name", "write printable signs without ':', and no blank at an end")
    return text


USER_NAME = Value("printable signs without ':'", _user_name)


def is_hash(password: str) -> bool:
    """Whether this looks like what argon2 or crypt makes of a password, not like the password."""
    return _HASH.fullmatch(password) is not None


PASSWORD = replace(
    TEXT,
    what="the hash of a password, by argon2 or crypt(3)",
    secret=True,
)


def canonical_scheduler(text: str) -> str:
    """The one form of a scheduler's name: no alias, no blanks. Raises BadValue."""
    first, *rest = (part.strip() for part in text.split(","))
    name = SCHEDULER_ALIASES.get(first, first)
    if name.startswith(OWN_SCHEDULER):
        if not _OWN_SCHEDULER.fullmatch(name.removeprefix(OWN_SCHEDULER)):
            raise BadValue(
                "names no class", f"write {OWN_SCHEDULER}package.module:Class, or {OWN_SCHEDULER}NAME of an entry point"
            )
    elif name.removesuffix(STICKY) not in SCHEDULERS:
        raise BadValue(
            "unknown",
            nearest(first, (*SCHEDULERS, *SCHEDULER_ALIASES), show=SCHEDULERS),
            unknown=True,
        )
    if rest not in ([], ["sticky"]):
        raise BadValue(
            "only ',sticky' may follow the name",
            f"write {quoted(first + STICKY)} or {quoted(first)}",
        )
    return name + STICKY if rest and not name.endswith(STICKY) else name


SCHEDULER = Value(
    f"one of {', '.join(SCHEDULERS)} or {OWN_SCHEDULER}package.module:Class, each with {STICKY} or without",
    lambda text, _: canonical_scheduler(text),
)


def _logged(text: str, _: str) -> str:
    kind, colon, count = text.partition(":")
    if kind == "sampled" and colon and _INTEGER.fullmatch(count) and 1 <= int(count) <= MAX_COUNT:
        return f"sampled:{int(count)}"
    if text not in _LOGGED:
        raise BadValue("unknown", f"one of {', '.join(_LOGGED)}, or sampled:100 for one in a hundred", unknown=True)
    return text


LOGGED = Value(f"one of {', '.join(_LOGGED)} or sampled:N", _logged)


# -- what a check says and hears ----------------------------------------------


def unescape(text: str) -> bytes:
    r"""The bytes that `send` and `expect` mean: \r \n \t \0 \\ and \xNN undone. Raises BadValue."""
    parts = []
    end = 0
    for match in _ESCAPE.finditer(text):
        code = match[1]
        parts.append(text[end : match.start()].encode())
        if code in _ESCAPED:
            parts.append(_ESCAPED[code])
        elif len(code) == 3:
            parts.append(bytes.fromhex(code[1:]))
        else:
            raise BadValue(f"'\\{code}' is no escape", r"write \r, \n, \t, \0, \\ or \xNN")
        end = match.end()
    parts.append(text[end:].encode())
    return b"".join(parts)


def _bounded(text: str) -> str:
    if not text:
        raise BadValue("empty", "write something")
    if len(text) > MAX_TEXT:
        raise BadValue("too long", f"write at most {MAX_TEXT} characters")
    return text


def _escaped(text: str, _: str) -> str:
    unescape(_bounded(text))
    return text


ESCAPED = Value(
    r"text; \r, \n, \t, \0, \\ and \xNN stand for what can't be written",
    _escaped,
    verbatim=True,
)


def _hex(text: str, _: str) -> str:
    if not re.fullmatch("(?:[0-9A-Fa-f]{2})+", _bounded(text)):
        raise BadValue("not hexadecimal", "write two digits a byte, such as 0d0a")
    return text.lower()


HEX = Value("bytes in hexadecimal, such as 0d0a", _hex)


def _pattern(text: str, _: str) -> str:
    try:
        re.compile(_bounded(text))
    except (re.error, RecursionError, OverflowError) as error:
        raise BadValue(f"not a regular expression ({error})", "see Python's re module") from None
    return text


PATTERN = Value("a regular expression of Python", _pattern, verbatim=True)


def canonical_statuses(text: str) -> str:
    """A set of HTTP statuses such as `200-299,304`. Raises BadValue."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        low, _, high = part.partition("-")
        if not _STATUSES.fullmatch(part) or (high and high < low):
            raise BadValue(
                "not a set of statuses",
                "write statuses and ranges, such as 200-299,304",
            )
    return ",".join(parts)


METHOD = choice("GET", "HEAD", "OPTIONS", "POST", "PUT")


def _url_path(text: str, _: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text:
        raise BadValue("not the path of a request", "begin with '/' and write other signs as %NN")
    return text


URL_PATH = Value("the path of a request, such as /health", _url_path)
