"""Writes a config back into the text that it came from: comments, order and spelling stay.

Only what differs is touched: an attribute's value, an element that goes, one
that comes. The result is read again, and if it does not say what it should,
the whole text is written anew by `writer.py`. Counterpart of `document.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from director.config.edits import KEYS, diff, is_order
from director.config.model import Config
from director.config.reader import read
from director.config.schema import ELEMENTS
from director.config.writer import element_lines, escaped, write
from director.messages import Edit, Running

_INDENT = "  "
_FOLDER = "/"


class _Unable(Exception):
    """This text can't be changed by touching it here and there."""


@dataclass(slots=True)
class _Element:
    """One element of the text, with where it is."""

    tag: str
    attributes: dict[str, str]
    start: int  # of its start tag, in bytes
    inside: int = 0  # where its start tag ends
    close: int = 0  # where its end tag starts; where its start tag ends, if it has none
    end: int = 0
    children: list[_Element] = field(default_factory=list)


def rewrite(text: bytes, file: str, wanted: Config, folder: str = "") -> tuple[bytes, bool]:
    """A text that says `wanted`, and whether it is the old one with what differs put in."""
    try:
        config, _ = read(text, file, folder)
        if config is None:
            raise _Unable
        result = _Page(text).written(diff(Running(0, config), Running(0, wanted)))
        again, _ = read(result, file, folder)
        if again == wanted:
            return result, True
    except (_Unable, expat.ExpatError, UnicodeError):
        pass
    return write(wanted), False


class _Page:
    """A text and its elements; changes are gathered, and made from the end to the start."""

    def __init__(self, text: bytes) -> None:
        text.decode()  # only UTF-8 has bytes where expat says
        self._text = text
        self._patches: list[tuple[int, int, bytes]] = []  # (start, end, instead)
        self._root = _outline(text)
        self._attributes: dict[int, dict[str, str | None]] = {}  # {start: {name: text}}
        self._elements: dict[int, _Element] = {}
        if self._root.tag != "director":
            raise _Unable

    def written(self, edits: tuple[Edit, ...]) -> bytes:
        """The text after these."""
        for edit in edits:
            if is_order(edit):
                raise _Unable
            self._edit(edit)
        for start, changed in self._attributes.items():
            self._retag(self._elements[start], changed)
        text = self._text
        for start, end, instead in sorted(self._patches, reverse=True, key=lambda patch: patch[:2]):
            text = text[:start] + instead + text[end:]
        return text

    def _edit(self, edit: Edit) -> None:
        if not edit.field:
            parent = self._found(edit.place[:-2])
            if edit.old is not None:
                self._cut(self._found(edit.place))
            if edit.new is not None:
                self._insert(parent, edit.place[-2], edit.new)
            return
        element = self._found(edit.place)
        tag = element.tag
        row = next((row for row in ELEMENTS[tag].attributes if row.field == edit.field), None)
        if row is not None:
            same = edit.new == row.default and not row.required
            self._set(element, row.name, None if same else row.value.show(edit.new))
            return
        child = next(child for child, name in ELEMENTS[tag].children.items() if name == edit.field)
        present = next((one for one in element.children if one.tag == child), None)
        if present is not None:
            self._cut(present)
        if ELEMENTS[child].kind is None:
            (only,) = ELEMENTS[child].attributes
            self._put(element, [f'<{child} {only.name}="{escaped(only.value.show(edit.new))}"/>'])
        elif edit.new is not None:
            self._insert(element, child, edit.new)

    def _found(self, place: tuple[str, ...]) -> _Element:
        element = self._root
        for tag, name in zip(place[::2], place[1::2], strict=True):
            element = next((one for one in element.children if one.tag == tag and _named(one, name)), _NOWHERE)
            if element is _NOWHERE:
                raise _Unable
        return element

    def _set(self, element: _Element, name: str, value: str | None) -> None:
        self._elements[element.start] = element
        self._attributes.setdefault(element.start, {})[name] = value

    def _retag(self, element: _Element, changed: dict[str, str | None]) -> None:
        """Its start tag anew, with other attributes."""
        old = self._text[element.start : element.inside].decode()
        for name, value in changed.items():
            pattern = re.compile(rf"(\s+){re.escape(name)}\s*=\s*(\"[^\"]*\"|'[^']*')")
            if value is None:
                old = pattern.sub("", old, count=1)
            elif pattern.search(old):
                instead = f'{name}="{escaped(value)}"'
                old = pattern.sub(lambda match, instead=instead: match[1] + instead, old, count=1)  # type: ignore[misc]
            else:
                end = len(old) - (2 if old.endswith("/>") else 1)
                old = f'{old[:end].rstrip()} {name}="{escaped(value)}"{old[end:]}'
        self._patches.append((element.start, element.inside, old.encode()))

    def _cut(self, element: _Element) -> None:
        start, end = element.start, element.end
        line = self._text.rfind(b"\n", 0, start) + 1
        if not self._text[line:start].strip() and self._text[end : end + 1] in (b"\n", b"\r"):
            start, end = max(line - 1, 0), end  # the line goes with it
        self._patches.append((start, end, b""))

    def _insert(self, parent: _Element, tag: str, thing: Any) -> None:
        self._put(parent, list(element_lines(tag, thing)))

    def _put(self, parent: _Element, lines: list[str]) -> None:
        line = self._text.rfind(b"\n", 0, parent.start) + 1
        margin = re.match(rb"[ \t]*", self._text[line:])
        outer = margin[0].decode() if margin else ""
        inner = "".join(f"\n{outer}{_INDENT}{line}" for line in lines)
        if parent.close == parent.end:  # <tag/>
            text = self._text[parent.start : parent.inside].decode()
            if parent.start in self._attributes:
                raise _Unable
            opened = text[:-2].rstrip() + ">"
            self._patches.append((parent.start, parent.end, f"{opened}{inner}\n{outer}</{parent.tag}>".encode()))
            return
        at = parent.close
        while at > parent.inside and self._text[at - 1 : at].isspace():
            at -= 1
        tail = "" if b"\n" in self._text[at : parent.close] else f"\n{outer}"
        self._patches.append((at, at, f"{inner}{tail}".encode()))


_NOWHERE = _Element("", {}, 0)


def _named(element: _Element, name: str) -> bool:
    """Whether it is the one that a place means, by the key of its like."""
    kind: Any = ELEMENTS[element.tag].kind
    values = {}
    for row in ELEMENTS[element.tag].attributes:
        if row.name in element.attributes:
            try:
                values[row.field] = row.value.parse(element.attributes[row.name].strip(), _FOLDER)
            except Exception:  # an attribute that no key is made of
                continue
    try:
        return KEYS[element.tag](kind(**values)) == name
    except TypeError:
        return False


def _outline(text: bytes) -> _Element:
    parser = expat.ParserCreate()
    top = _Element("", {}, 0)
    path = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = _Element(tag, attributes, parser.CurrentByteIndex)
        element.inside = _tag_end(text, element.start)
        path[-1].children.append(element)
        path.append(element)

    def end(_: str) -> None:
        element = path.pop()
        if text[element.inside - 2 : element.inside] == b"/>":
            element.close = element.end = element.inside
        else:
            element.close = parser.CurrentByteIndex
            element.end = text.index(b">", element.close) + 1

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.Parse(text, True)
    return top.children[0]


def _tag_end(text: bytes, start: int) -> int:
    """Where a start tag ends; a > may stand in its attributes."""
    match = re.compile(rb"<[^>\"']*(?:\"[^\"]*\"[^>\"']*|'[^']*'[^>\"']*)*>").match(text, start)
    if match is None:
        raise _Unable
    return match.end()
