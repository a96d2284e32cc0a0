"""A config text taken apart, and put together again."""

from __future__ import annotations

import pytest

from director.config.manuscript import Manuscript, Written, in_utf8

TEXT = b"""\xef\xbb\xbf<?xml version='1.0' encoding="utf-8"?>\r
<!-- top --><?pi x?>
<director a='>' >\r
\t<host  name = "a"  send=" name='b'" /> <!-- a --> <!-- b -->
  stray <![CDATA[<!-- no -->]]><host name="b"></host><host
    name="c"/><!-- c
  --></director>
<!-- end -->"""


def host(page: Manuscript, name: str) -> Written:
    return next(one for one in page.root.elements if one.name == name)


def test_what_is_not_touched_is_as_it_was() -> None:
    assert bytes(Manuscript(TEXT)) == TEXT


def test_an_attribute_is_set_and_taken_out_where_it_stands() -> None:
    page = Manuscript(TEXT)
    host(page, "a").set("name", 'x"')
    host(page, "a").set("weight", "2")
    host(page, "b").set("name", None)
    host(page, "c").set("none", None)
    assert bytes(page) == TEXT.replace(b'name = "a"', b'name="x&quot;"').replace(
        b"name='b'\" />", b'name=\'b\'" weight="2" />'
    ).replace(b'<host name="b"', b"<host")
    assert (host(page, "a").says("weight"), host(page, "b").says("name")) == ("2", "")


def test_a_line_goes_with_its_element_and_comments_stay() -> None:
    page = Manuscript(b"<a>\n  <b/>\n  <c/> <!-- c -->\n</a>")
    b, c = page.root.elements
    page.root.cut(b)
    page.root.cut(c)
    assert bytes(page) == b"<a>\n  <!-- c -->\n</a>"


def test_what_moves_takes_its_line_along() -> None:
    page = Manuscript(b"<a>\n  <b/> <!-- b -->\n  <c/>\n</a>")
    b, c = page.root.elements
    page.root.take(b)
    page.root.put(b, after=c)
    assert bytes(page) == b"<a>\n  <c/>\n  <b/> <!-- b -->\n</a>"
    page.root.take(b)
    page.root.put(b, None, before=c)
    assert bytes(page) == b"<a>\n  <b/> <!-- b -->\n  <c/>\n</a>"


def test_what_is_new_is_indented_as_its_neighbour_or_opens_its_parent() -> None:
    page = Manuscript(b"<a>\r\n\t<b />\r\n</a>")
    (b,) = page.root.elements
    b.put(b.new(["<d/>"], None), None)
    page.root.put(page.root.new(["<c>", "  <d/>", "</c>"], b), None)
    assert bytes(page) == b"<a>\r\n\t<b>\n\t  <d/>\n\t</b>\r\n\t<c>\r\n\t  <d/>\r\n\t</c>\r\n</a>"


@pytest.mark.parametrize("codec", ["iso-8859-1", "utf-16", "utf-8", "UTF8"])
def test_a_text_is_in_utf8_and_says_so(codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{codec}"?><ä/>'
    said = text if codec.startswith(("utf-8", "UTF")) else text.replace(codec, "UTF-8")
    assert in_utf8(text.encode(codec)) == said.encode()
    assert bytes(Manuscript(text.encode(codec))) == said.encode()
