"""A config text taken apart without loss: its elements as they are written, and all that stands between them.

What is not touched is put together again as it was, byte by byte in UTF-8. An
element may be cut out, put in, moved, or be given other attributes; comments
are nobody's property and stay, but for those inside an element that goes and
those that end the line of one that moves. Knows no more of what elements mean
than `document.py`, whose nodes these are.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from director.config.document import Node
from director.config.writer import escaped

_BLANKS = " \t\r\n"
_INDENT = "  "
_DECLARED = re.compile(r"(<\?xml[^>]*?encoding\s*=\s*[\"'])([A-Za-z0-9._-]+)")
_START_TAG = re.compile(rb"<[^>\"']*(?:\"[^\"]*\"[^>\"']*|'[^']*'[^>\"']*)*>")  # a > may stand in its attributes
_ATTRIBUTE = re.compile(r"\s+([^\s=]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_LEAD = re.compile(r"(?:\r?\n)?[ \t]*\Z")
_TAIL = re.compile(r"[ \t]*(?:<!--(?:[^-]|-[^-])*-->[ \t]*)+(?=\r?\n|\Z)")


@dataclass(slots=True, eq=False)
class Written(Node):
    """One element as it is written. `lead` is the blank before it in its line, or that line's beginning."""

    opening: str = ""
    closing: str = ""  # "" of <tag/>
    pieces: list[str | Written] = field(default_factory=list)
    lead: str = ""
    tail: str = ""  # the comments that end its line
    margin: str = ""  # of the line that it begins in

    __eq__ = object.__eq__  # another one that says the same stands elsewhere
    __hash__ = object.__hash__

    def __str__(self) -> str:
        inside = "".join(map(str, self.pieces))
        return f"{self.lead}{self.opening}{inside}{self.closing}{self.tail}"

    @property
    def elements(self) -> list[Written]:
        """Those in it, in the order written."""
        return [piece for piece in self.pieces if isinstance(piece, Written)]

    @property
    def last(self) -> Written | None:
        """The last one in it."""
        return next((piece for piece in reversed(self.pieces) if isinstance(piece, Written)), None)

    def says(self, name: str) -> str:
        """What is written for an attribute; "" without it."""
        return next((match[2][1:-1].strip() for match in self._spelled() if match[1] == name), "")

    def set(self, name: str, value: str | None) -> None:
        """Have an attribute say this; None: take it out."""
        old = self.opening
        match = next((match for match in self._spelled() if match[1] == name), None)
        said = "" if value is None else f'{name}="{escaped(value)}"'
        if match is not None:
            start = match.start() if value is None else match.start(1)
            self.opening = old[:start] + said + old[match.end() :]
        elif value is not None:
            end = len(old.removesuffix("/>").removesuffix(">").rstrip(_BLANKS))
            self.opening = f"{old[:end]} {said}{old[end:]}"

    def cut(self, child: Written) -> None:
        """Take an element out, and its line if it has one; what else stands in that stays."""
        self.pieces[self.pieces.index(child)] = child.lead + child.tail.lstrip(" \t") if child.tail else ""

    def take(self, child: Written) -> None:
        """Take an element out that is to stand elsewhere: the comments that end its line go with it."""
        self.pieces.remove(child)

    def put(self, child: Written, after: Written | None, before: Written | None = None) -> None:
        """Put an element in, next to another one, or at the end."""
        if after is not None:
            self.pieces.insert(self.pieces.index(after) + 1, child)
        elif before is not None:
            self.pieces.insert(self.pieces.index(before), child)
        else:
            self._append(child)

    def new(self, lines: Sequence[str], model: Written | None) -> Written:
        """An element of these lines, to be put in here; it is indented as `model` is."""
        lead = f"\n{self.margin}{_INDENT}" if model is None else model.lead
        child = Manuscript((lead if "\n" in lead else "").join(lines).encode()).root
        child.lead = lead
        child.margin = lead.lstrip("\r\n")
        return child

    def _append(self, child: Written) -> None:
        if not self.closing:
            self.opening = self.opening[:-2].rstrip(_BLANKS) + ">"
            self.closing = f"</{self.tag}>"
        last = self.pieces.pop() if self.pieces and isinstance(self.pieces[-1], str) else ""
        assert isinstance(last, str)
        body = last.rstrip(_BLANKS)
        blank = last[len(body) :]
        if "\n" in child.lead and "\n" not in blank:
            blank = f"\n{self.margin}"
        self.pieces += [body, child, blank]

    def _spelled(self) -> list[re.Match[str]]:
        return list(_ATTRIBUTE.finditer(self.opening))


class Manuscript:
    """A whole text, in UTF-8 whatever it was. Raises what expat and codecs raise."""

    def __init__(self, text: bytes) -> None:
        self._text = in_utf8(text)
        self._done = 0  # bytes that are in a piece
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        top = Written("", {}, 0)
        self._path = [top]
        parser.Parse(self._text, True)
        top.pieces.append(self._upto(len(self._text)))
        self._top = top
        self.root = top.elements[0]
        _dress(top)

    def __bytes__(self) -> bytes:
        return str(self._top).encode()

    def _upto(self, end: int) -> str:
        start, self._done = self._done, end
        return self._text[start:end].decode()

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        at = self._parser.CurrentByteIndex
        line = self._text[self._text.rfind(b"\n", 0, at) + 1 : at].decode()
        between = self._upto(at)
        match = _START_TAG.match(self._text, at)
        assert match is not None  # expat has seen it
        child = Written(tag, attributes, self._parser.CurrentLineNumber, opening=self._upto(match.end()))
        child.margin = line[: len(line) - len(line.lstrip(" \t"))]
        parent = self._path[-1]
        parent.pieces += [between, child]
        parent.children.append(child)
        self._path.append(child)

    def _end(self, _: str) -> None:
        element = self._path.pop()
        if element.opening.endswith("/>"):
            return
        element.pieces.append(self._upto(self._parser.CurrentByteIndex))
        element.closing = self._upto(self._text.index(b">", self._done) + 1)


def _dress(parent: Written) -> None:
    """Give the elements in it their leads and tails; the text between two of them is the poorer for it."""
    pieces = parent.pieces
    for at, child in enumerate(pieces):
        if isinstance(child, str):
            continue
        before, after = pieces[at - 1], pieces[at + 1]
        assert isinstance(before, str) and isinstance(after, str)
        if (tail := _TAIL.match(after)) is not None:
            child.tail = tail[0]
            pieces[at + 1] = after[tail.end() :]
        lead = _LEAD.search(before)
        assert lead is not None
        child.lead = lead[0]
        pieces[at - 1] = before[: lead.start()]
        _dress(child)


def in_utf8(text: bytes) -> bytes:
    """The same text in UTF-8, and saying so. Raises LookupError, UnicodeError."""
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        codec = "utf-16"
    else:
        match = _DECLARED.match(text[:200].removeprefix(codecs.BOM_UTF8).decode("latin-1"))
        codec = match[2] if match else "utf-8"
    if codecs.lookup(codec).name == "utf-8":
        return text
    return _DECLARED.sub(r"\1UTF-8", text.decode(codec), count=1).encode()
