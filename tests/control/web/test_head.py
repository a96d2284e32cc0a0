"""What is a head, and what is none."""

from __future__ import annotations

import io

import pytest

from control.web.head import LARGEST, MOST, read

HOST = b"Host: h\r\n"


@pytest.mark.parametrize(
    "head",
    [
        HOST + b"X:\r\n\r\n",
        b"host:h\nX-Y_z:  \xc3\xa9\t \n\n",
        HOST + b"Content-Length: 5 \r\n\r\n",
        HOST + b"Transfer-Encoding: Chunked\r\n\r\n",
        HOST + b"X: 1\r\n" * (MOST - 1) + b"\r\n",
    ],
)
def test_a_head_is_read_to_its_empty_line(head: bytes) -> None:
    stream = io.BytesIO(head + b"more")
    assert read(stream, "HTTP/1.1") == head
    assert stream.read() == b"more"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(HOST + b"no colon\r\nX: 1\r\n\r\n", id="a line without a colon"),
        pytest.param(b" X: 1\r\n" + HOST + b"\r\n", id="a blank before the first"),
        pytest.param(HOST + b"X: 1\r\n 2\r\n\r\n", id="a field that goes on"),
        pytest.param(HOST + b": 1\r\n\r\n", id="no name"),
        pytest.param(HOST + b"Content-Length : 5\r\n\r\n", id="a blank before the colon"),
        pytest.param(HOST + b"X: 1\rContent-Length: 5\r\n\r\n", id="half a line's end"),
        pytest.param(HOST + b"X: a\0b\r\n\r\n", id="a sign that is none"),
        pytest.param(HOST + b"X: 1", id="no end"),
        pytest.param(HOST + b"X: 1\r\n", id="no empty line"),
        pytest.param(HOST + b"X: 1\r\n" * MOST + b"\r\n", id="too many"),
        pytest.param(HOST + b"X: " + b"x" * LARGEST + b"\r\n\r\n", id="too long"),
        pytest.param(b"X: 1\r\n\r\n", id="no host"),
        pytest.param(HOST + b"hOST: g\r\n\r\n", id="two hosts"),
        pytest.param(HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", id="two lengths"),
        *(
            pytest.param(HOST + b"Content-Length: " + length + b"\r\n\r\n", id=f"length {length.decode()}")
            for length in (b"", b"+5", b"-5", b"0_5", b"5,5", b"9" * 19)
        ),
        pytest.param(HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", id="a length and chunks"),
        pytest.param(HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", id="something else than chunks"),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"\b(it|its)\b"):
        read(io.BytesIO(head), "HTTP/1.1")


def test_an_old_client_need_not_say_whom_it_asks_but_knows_no_chunks() -> None:
    assert read(io.BytesIO(b"\r\n"), "HTTP/1.0") == b"\r\n"
    with pytest.raises(ValueError, match="end here or there"):
        read(io.BytesIO(b"Transfer-Encoding: chunked\r\n\r\n"), "HTTP/1.0")
