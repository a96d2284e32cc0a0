"""XML in, a tree with line numbers out, and nothing that XML can do beyond that."""

from __future__ import annotations

import pytest

from director.config.document import Malformed, parse


def test_elements_know_their_line() -> None:
    root = parse(b'<a>\n <b x="1"/>\n\n <c/></a>')
    assert (root.tag, root.line) == ("a", 1)
    assert [(node.tag, node.line) for node in root.children] == [("b", 2), ("c", 4)]


@pytest.mark.parametrize(
    "text",
    [b"", b"<a>", b"<a></b>", b"<a/><b/>", b"<a x=1/>", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', b"<a>\x00</a>"],
)
def test_what_is_not_well_formed_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse(text)


def test_depth_is_limited() -> None:
    with pytest.raises(Malformed):
        parse(b"<a>" * 100_000)
