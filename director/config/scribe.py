"""Writes a config back into the text that it came from: comments, order and spelling stay.

Only what differs is touched: an attribute's value, an element that goes, that
comes, that stands elsewhere. A file of an ancestor's stays one: it is gone
through as `ancestors.py` reads it, and written in its own words. The result is
read again, and if it does not say what it should, the whole text is written
anew by `writer.py`. Counterpart of `manuscript.py`, which knows the text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

from director.config import ancestors
from director.config.document import Node
from director.config.edits import KEYS
from director.config.manuscript import Manuscript, Written
from director.config.model import Config, Service
from director.config.reader import read
from director.config.schema import ELEMENTS
from director.config.values import BadValue, truth
from director.config.writer import element_lines, escaped, write

Beside = tuple[Written | None, Written | None]  # after which one something is put in, or before which; else at the end

_FOLDER = "/"


class _Unable(Exception):
    """This text can't be changed by touching it here and there."""


def rewrite(text: bytes, file: str, wanted: Config, folder: str = "") -> tuple[bytes, bool]:
    """A text in UTF-8 that says `wanted`, and whether it is the old one with what differs put in."""
    try:
        config, _ = read(text, file, folder)
        if config is None:
            raise _Unable
        page = Manuscript(text)
        if page.root.tag in ancestors.ROOTS:
            ancestors.rewrite(page.root, _unsaid, _unsaid)
        _revise(page.root, "director", config, wanted)
        again, _ = read(bytes(page), file, folder)
        if again == wanted:
            return bytes(page), True
    except (_Unable, expat.ExpatError, UnicodeError, LookupError):
        pass
    return write(wanted), False


def _unsaid(line: int, what: str, remedy: str) -> None:
    """What is ignored or wrong in an ancestor's file was said when it was read."""


def _revise(node: Node, tag: str, old: Any, new: Any) -> None:
    """Have an element, which says `old`, say `new`."""
    for row in ELEMENTS[tag].attributes:
        value = getattr(new, row.field)
        if getattr(old, row.field) != value:
            same = value == row.default and not row.required
            _written(node).set(row.name, None if same else row.value.show(value))
    for child, field in ELEMENTS[tag].children.items():
        before, after = getattr(old, field), getattr(new, field)
        if child == "enable":
            _enable(_written(node), new)
        elif before is after or before == after:
            continue
        elif child in KEYS:
            _Collection(node, child, before).revise(after)
        elif ELEMENTS[child].kind is None:
            _say(_written(node), child, after)
        else:
            _single(_written(node), child, before, after)


def _written(node: Node) -> Written:
    if not isinstance(node, Written):
        raise _Unable  # it stands for something that is written in another form
    return node


def _named(parent: Node, tag: str) -> list[Written]:
    """The elements of this tag; those that are nowhere written left out."""
    return [child for child in parent.children if child.tag == tag and isinstance(child, Written)]


def _single(parent: Written, tag: str, before: Any, after: Any) -> None:
    """An element that there may be once, and that is a thing of its own."""
    present = _named(parent, tag)
    if after is None:
        for one in present:
            parent.cut(one)
    elif present:
        _revise(present[-1], tag, before, after)
    else:
        _insert(parent, list(element_lines(tag, after)))


def _say(parent: Written, tag: str, value: Any) -> None:
    """An element that is only a field of its parent's."""
    (only,) = ELEMENTS[tag].attributes
    if present := _named(parent, tag):
        present[-1].set(only.name, only.value.show(value))
    else:
        _insert(parent, [f'<{tag} {only.name}="{escaped(only.value.show(value))}"/>'])


def _enable(parent: Written, service: Service) -> None:
    """Have the group enabled that is, after groups have come, gone and moved: by <enable>, or txLB's enable=."""
    present = _named(parent, "enable")
    if present and not service.enabled:
        for one in present:
            parent.cut(one)
        return
    groups = [child for child in parent.elements if child.tag == "group"]
    flagged = [group for group in groups if truth(group.says("enable"))]
    names = [enable.says("group") for enable in present] or [group.name for group in flagged or groups[:1]]
    if service.enabled == (names[-1] if names else ""):
        return
    if present or not flagged:
        _say(parent, "enable", service.enabled)
        return
    for group in groups:
        if group.name == service.enabled:
            group.set("enable", "true")
        elif truth(group.says("enable")):
            group.set("enable", None)


def _insert(parent: Written, lines: Sequence[str], beside: Beside = (None, None)) -> Written:
    """A new element, in its place or at the end, indented as its neighbours are."""
    model = beside[0] or beside[1] or parent.last
    child = parent.new(lines, model)
    parent.put(child, *beside)
    return child


class _Collection:
    """The elements of one tag in another, by their keys. Of those of one key the last counts, where the first is."""

    def __init__(self, parent: Node, tag: str, things: Sequence[Any]) -> None:
        self._parent = parent if isinstance(parent, Written) else parent.origin
        self._tag = tag
        self._key = KEYS[tag]
        self._things = {self._key(thing): thing for thing in things}
        self._nodes: dict[str, list[Node]] = {}
        for child in parent.children:
            if child.tag == tag and (key := _key(child)) in self._things:
                self._nodes.setdefault(key, []).append(child)

    def revise(self, after: Sequence[Any]) -> None:
        """Have them say this."""
        wanted = {self._key(thing): thing for thing in after}
        if any(key not in self._nodes for key in self._things):
            raise _Unable
        done: set[int] = set()  # one <admin> of txLB's stands for several, of the same users
        for key in self._things:
            if key not in wanted:
                self._cut(key)
            elif self._things[key] != wanted[key]:
                node = self._nodes[key][-1]
                origin = node.origin or node
                if id(origin) not in done:
                    _revise(node, self._tag, self._things[key], wanted[key])
                    done.add(id(origin))
        if list(wanted) != list(self._things):
            self._arrange(wanted)
        if self._tag == "host":
            self._call_by_name()

    def _cut(self, key: str) -> None:
        for node in self._nodes.pop(key):
            self._home().cut(_written(node))

    def _home(self) -> Written:
        if self._parent is None:
            raise _Unable
        return _written(self._parent)

    def _arrange(self, wanted: dict[str, Any]) -> None:
        """Put in what is new, and move as few as can be."""
        home = self._home()
        ranks = {key: rank for rank, key in enumerate(key for key in self._things if key in wanted)}
        staying = _longest_rising([ranks[key] for key in wanted if key in ranks])
        first = next((self._first(key) for key in wanted if ranks.get(key) in staying), None)
        last: Written | None = None
        for key, thing in wanted.items():
            if ranks.get(key) in staying:
                last = self._first(key)
            elif key in ranks:
                moving = self._taken(key)
                home.put(moving, *_beside(home, last, first))
                last = moving
            else:
                last = _insert(home, list(element_lines(self._tag, thing)), _beside(home, last, first))

    def _first(self, key: str) -> Written:
        return _written(self._nodes[key][0])

    def _taken(self, key: str) -> Written:
        """What counts of this key, taken out to stand elsewhere."""
        *shadowed, node = map(_written, self._nodes[key])
        for one in shadowed:
            self._home().cut(one)
        self._home().take(node)
        return node

    def _call_by_name(self) -> None:
        """Hosts that an ancestor's file has without a name are called by their position: if that is another now."""
        hosts = [child for child in self._home().elements if child.tag == "host"]
        for position, host in enumerate(hosts):
            if not host.says("name") and host.name != f"host.{position}":
                host.set("name", host.name)


def _beside(home: Written, last: Written | None, first: Written | None) -> Beside:
    """Where the next one goes: after the last one, or before the first that stays."""
    if last is None:
        return None, first
    # At the end, comments about what was there are passed by, too.
    return (None if last is home.last else last), None


def _key(node: Node) -> str | None:
    """What tells it from its like; None if that can't be read."""
    element = ELEMENTS[node.tag]
    if "name" in element.rows:
        return node.name
    kind: Any = element.kind
    values = {row.field: None for row in element.attributes if row.required}
    for row in element.attributes:
        if row.name in node.attributes:
            try:
                values[row.field] = row.value.parse(node.attributes[row.name].strip(), _FOLDER)
            except BadValue:
                continue
    return KEYS[node.tag](kind(**values))


def _longest_rising(ranks: Sequence[int]) -> set[int]:
    """The members of a longest run that rises, with gaps: these need not move.

    Sought from the end: what an operator took out and put in again is there, and that moves.
    """
    tops: list[int] = []  # negative: the greatest first member of a run of each length
    after: dict[int, int | None] = {}
    for rank in reversed(ranks):
        at = bisect_left(tops, -rank)
        after[rank] = -tops[at - 1] if at else None
        tops[at : at + 1] = [-rank]
    found = set()
    member = -tops[-1] if tops else None
    while member is not None:
        found.add(member)
        member = after[member]
    return found
