"""Bytes -> a tree of elements with their lines. Knows XML, not what the elements mean.

By expat: it never opens a file or a connection, counts lines without limit,
and lets us stop at the first sign of a document type, before any entity is
declared or expanded. Depth, number and size are bounded, so that no text
costs more than its size.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

MAX_SIZE = 16 * 1024 * 1024  # bytes
MAX_DEPTH = 16  # the deepest element that means anything is the fifth
MAX_ELEMENTS = 300_000
_WHOLE = "begin with <director> and end with </director>"


class Malformed(Exception):
    """A text that is not the XML we take, with the line (0: the whole text) and the remedy."""

    def __init__(self, line: int, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason
        self.remedy = remedy


@dataclass(slots=True)
class Node:
    """One element. `stray` is the first text in it that is not blank, and its line.

    `origin`: the element of the text that it was made from, if it is in none itself.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Node] = field(default_factory=list)
    stray: tuple[str, int] | None = None
    origin: Node | None = None

    @property
    def name(self) -> str:
        """Its name attribute, "" without."""
        return self.attributes.get("name", "").strip()

    def walk(self) -> Iterator[Node]:
        """It and all in it, as they stand in the text."""
        yield self
        for child in self.children:
            yield from child.walk()


class _Builder:
    """Takes expat's events, keeps the tree."""

    def __init__(self) -> None:
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self.doctype
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        self.root: Node | None = None
        self.path: list[Node] = []
        self.elements = 0

    def doctype(self, *_: Any) -> None:
        raise Malformed(
            self.parser.CurrentLineNumber,
            "a document type or entity is declared",
            "take out <!DOCTYPE ...>; nothing is expanded or fetched",
        )

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise Malformed(
                line,
                f"more than {MAX_ELEMENTS} elements",
                "split it over several directors",
            )
        if len(self.path) >= MAX_DEPTH:
            raise Malformed(
                line,
                f"elements nested more than {MAX_DEPTH} deep",
                "close the elements before it",
            )
        node = Node(tag, attributes, line)
        if self.path:
            self.path[-1].children.append(node)
        else:
            self.root = node
        self.path.append(node)

    def end(self, _: str) -> None:
        self.path.pop()

    def text(self, text: str) -> None:
        node = self.path[-1]
        if node.stray is None and not text.isspace():
            before = text[: len(text) - len(text.lstrip())]
            node.stray = (
                text.strip(),
                self.parser.CurrentLineNumber + before.count("\n"),
            )


def parse(text: bytes) -> Node:
    """The root element. Raises Malformed."""
    if len(text) > MAX_SIZE:
        raise Malformed(0, f"more than {MAX_SIZE // 1024**2} MiB", "split it over several directors")
    if not text.strip():
        raise Malformed(0, "the file is empty", _WHOLE)
    _refuse_wrong_bytes(text)
    builder = _Builder()
    try:
        builder.parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Malformed(error.lineno, f"not XML: {_reason(error, builder)}", _remedy(error, builder, text)) from None
    except (LookupError, ValueError):  # the codec that the first line names
        raise Malformed(1, "not XML: unknown encoding", "save it as UTF-8") from None
    assert builder.root is not None  # expat raises on a text without elements
    return builder.root


def _refuse_wrong_bytes(text: bytes) -> None:
    """Raise Malformed for what expat calls an invalid token only, if the encoding is UTF-8."""
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    nul = text.find(b"\0")
    if nul >= 0:
        raise Malformed(
            _line_of(text, nul),
            "not XML: a NUL byte",
            "take it out; save the file as UTF-8",
        )
    head = text[:200].partition(b"?>")[0]
    if head.startswith(b"<?xml") and b"encoding" in head and b"utf-8" not in head.lower():
        return
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise Malformed(
            _line_of(text, error.start),
            f"not UTF-8: the byte 0x{text[error.start]:02x}",
            'save it as UTF-8, or say <?xml version="1.0" encoding="..."?> in the first line',
        ) from None


def _line_of(text: bytes, at: int) -> int:
    return text.count(b"\n", 0, at) + 1


def _reason(error: expat.ExpatError, builder: _Builder) -> str:
    reason = expat.ErrorString(error.code)
    if builder.path and error.code in _OPEN:
        node = builder.path[-1]
        return f"{reason} (<{node.tag[:60]}> of line {node.line} is open)"
    return reason


_codes = expat.errors.codes
_OPEN = (
    _codes[expat.errors.XML_ERROR_TAG_MISMATCH],
    _codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    _codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    _codes[expat.errors.XML_ERROR_INVALID_TOKEN],
)
_NO_ROOT = (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_SYNTAX)
_REMEDIES = {
    expat.errors.XML_ERROR_TAG_MISMATCH: "close each element, the innermost first",
    expat.errors.XML_ERROR_NO_ELEMENTS: "close each element, the innermost first",
    expat.errors.XML_ERROR_DUPLICATE_ATTRIBUTE: "keep one of the two",
    expat.errors.XML_ERROR_UNDEFINED_ENTITY: "there are &amp; &lt; &gt; &quot; &apos; only; write &amp; for &",
    expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT: "put everything into one <director>",
    expat.errors.XML_ERROR_MISPLACED_XML_PI: "take out what stands before <?xml ...?>, blanks and empty lines, too",
    expat.errors.XML_ERROR_UNKNOWN_ENCODING: "save it as UTF-8",
    expat.errors.XML_ERROR_INCORRECT_ENCODING: "save it as UTF-8",
}


def _remedy(error: expat.ExpatError, builder: _Builder, text: bytes) -> str:
    reason = expat.ErrorString(error.code)
    if builder.root is None:
        before = text[: builder.parser.ErrorByteIndex]
        begun = before.removeprefix(codecs.BOM_UTF8).strip()  # the tag of the root may be what is wrong
        if reason in _NO_ROOT or not (begun or reason in _REMEDIES):
            return _WHOLE
    return _REMEDIES.get(reason, 'write <element attribute="value"/>, with &amp; for & and &lt; for <')
