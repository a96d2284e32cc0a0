"""What an answer is worth, by tables, however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.dialogues import DIALOGUES, MOST, Outcome
from director.config.model import Check


def outcome(check: Check, answer: bytes, cuts: list[int] | None = None) -> Outcome | None:
    dialogue = DIALOGUES[check.type](check, "host:1")
    start = 0
    for cut in [*sorted(cut % (len(answer) + 1) for cut in cuts or []), len(answer)]:
        if cut > start and (found := dialogue.hear(answer[start:cut], False)):
            return found
        start = max(start, cut)
    return dialogue.hear(b"", True)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2;x=y\r\ndy\r\n0\r\n\r\n"
ANSWERS = [
    (Check(type="http"), OK, "L7OK"),
    (Check(type="http"), b"HTTP/1.0 302 Found\r\n\r\n", "L7OK"),
    (Check(type="http"), b"HTTP/1.1 500 Oh\r\n\r\n", "L7STS"),
    (Check(type="http", expect="401,500-503"), b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "L7OK"),
    (Check(type="http", expect="200"), b"HTTP/1.1 204 No\r\n\r\n", "L7STS"),
    (Check(type="http"), b"SSH-2.0-OpenSSH\r\n", "L7RSP"),
    (Check(type="http"), b"", "L7RSP"),
    (Check(type="http", pattern=".*"), b"HTTP/1.1 204 No\r\n\r\n", "L7OK"),
    (Check(type="http"), b"HTTP/1.1 200", "L7OK"),
    (Check(type="http"), b"HTTP/1.1 2000 OK\r\n\r\n", "L7RSP"),
    (Check(type="http"), b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + OK, "L7OK"),
    (Check(type="http"), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n", "L7STS"),
    (Check(type="http"), b"HTTP/1.1 100 Continue\r\n\r\n", "L7RSP"),
    (Check(type="http"), b"HTTP/1.1 100 Continue\r\n", "L7RSP"),
    (Check(type="http"), b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "L7STS"),
    (Check(type="http", expect="101"), b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "L7OK"),
    (Check(type="http"), b"<html>HTTP/0.9 is as short as that</html>", "L7RSP"),
    (Check(type="http", pattern="ready"), b"HTTP/1.0 200 OK\nServer: old\n\nready", "L7OK"),
    (Check(type="http", pattern="ready"), OK.replace(b": 5", b": " + b"5" * 5000), "L7OK"),
    (Check(type="http", pattern="sick"), OK.replace(b": 5", b": " + b"5" * 5000), "L7RSP"),
    (Check(type="http", pattern="ready"), CHUNKS.replace(b"3\r\n", b"-3\r\n"), "L7RSP"),
    (Check(type="http", pattern="re.dy"), OK, "L7OK"),
    (Check(type="http", pattern="sick"), OK, "L7RSP"),
    (Check(type="http", pattern="^(?!.*ready)"), OK, "L7RSP"),
    (Check(type="http", pattern="^rea$"), OK, "L7RSP"),
    (Check(type="http", pattern="^(?!.*ready)"), CHUNKS, "L7RSP"),
    (Check(type="http", pattern="ready"), CHUNKS, "L7OK"),
    (Check(type="http", pattern="r.*dy2"), CHUNKS, "L7RSP"),
    (Check(type="https", pattern="Length"), OK, "L7RSP"),
    (Check(type="send", send="PING\\r\\n", expect="+PONG"), b"+PONG\r\n", "L7OK"),
    (Check(type="send", send="PING\\r\\n", expect="+PONG"), b"-NOAUTH", "L7RSP"),
    (Check(type="send", send="PING\\r\\n", expect="+PONG"), b"", "L7RSP"),
    (Check(type="send", send_hex="0000000804d2162f", pattern="^[SN]"), b"N", "L7OK"),
    (Check(type="send", send_hex="0000000804d2162f", expect_hex="53"), b"S", "L7OK"),
    (Check(type="send", send="PING\\r\\n"), b"+", "L7OK"),
    (Check(type="send", send="PING\\r\\n"), b"", "L7RSP"),
    (Check(type="send", pattern=".*"), b"", "L7RSP"),
    (Check(type="send", pattern="SMTP"), b"220 mail ESMTP", "L7OK"),
    (Check(type="send", pattern="SMTP"), b"220 mail", "L7RSP"),
]


@pytest.mark.parametrize(("check", "answer", "status"), ANSWERS)
@given(cuts=st.lists(st.integers(0, 200), max_size=6))
def test_answers_are_judged_alike_in_any_pieces(check: Check, answer: bytes, status: str, cuts: list[int]) -> None:
    found = outcome(check, answer, cuts)
    assert found is not None
    assert found.status == status
    assert found.good is (status == "L7OK")
    assert bool(found.cause) is not found.good


@given(st.sampled_from([check for check, _, _ in ANSWERS]), st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_nonsense_has_an_outcome_and_breaks_nothing(check: Check, answer: bytes, cuts: list[int]) -> None:
    assert outcome(check, answer, cuts) is not None


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("GET", OK),
        ("GET", CHUNKS),
        ("GET", CHUNKS.replace(b"3\r\n", b"three\r\n")),
        ("GET", b"HTTP/1.1 204 No Content\r\nServer: odd\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        ("HEAD", OK.removesuffix(b"ready")),
    ],
)
def test_an_answer_is_judged_when_it_is_whole_though_the_connection_goes_on(method: str, answer: bytes) -> None:
    found = DIALOGUES["http"](Check(type="http", method=method, pattern="sick"), "host:1").hear(answer, False)
    assert found is not None
    assert found.cause == "the body has no 'sick'"


def test_an_endless_answer_has_an_outcome() -> None:
    dialogue = DIALOGUES["send"](Check(type="send", pattern="never"), "host:1")
    heard = [dialogue.hear(b"x" * 10_000, False) for _ in range(MOST // 10_000 + 1)]
    assert heard[-1] is not None
    assert not heard[-1].good


@pytest.mark.parametrize(("before", "status"), [(MOST - 5, "L7OK"), (MOST - 4, "L7RSP")])
@pytest.mark.parametrize("piece", [1000, 10 * MOST])
def test_a_pattern_is_looked_for_in_the_first_64_kib_of_the_body(before: int, status: str, piece: int) -> None:
    body = b"x" * before + b"ready" + b"y" * MOST
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:9], body[9:-70], body[-70:]))
    head = b"HTTP/1.1 200 OK\r\nCookie: " + b"c" * 20000
    for answer in (head + b"\r\n\r\n" + body, head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks):
        found = outcome(Check(type="http", pattern="ready"), answer, list(range(0, len(answer), piece)))
        assert found is not None
        assert found.status == status


def test_a_head_without_end_has_an_outcome() -> None:
    for status in (b"200 OK", b"100 Continue"):
        dialogue = DIALOGUES["http"](Check(type="http", pattern="ready"), "host:1")
        heard = [dialogue.hear(b"HTTP/1.1 %s\r\n" % status, False)]
        heard += [dialogue.hear(b"X: %s\r\n" % (b"x" * 10_000), False) for _ in range(MOST // 10_000 + 1)]
        assert heard[-1] is not None
        assert not heard[-1].good
    assert DIALOGUES["http"](Check(type="http"), "host:1").hear(b"HTTP/1.1" + b" " * MOST, False) is not None


def test_interim_answers_without_end_have_an_outcome() -> None:
    dialogue = DIALOGUES["http"](Check(type="http"), "host:1")
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    heard = [dialogue.hear(400 * interim, False) for _ in range(MOST // len(400 * interim) + 2)]
    assert heard[0] is None
    assert heard[-1] is not None
    assert heard[-1].cause == "no answer after status 100"


def test_a_request_names_the_host() -> None:
    asked = DIALOGUES["http"](Check(type="http", method="HEAD", path="/up?x=1"), "10.0.0.1:80").opening
    assert asked.startswith(b"HEAD /up?x=1 HTTP/1.1\r\nHost: 10.0.0.1:80\r\n")
    assert asked.endswith(b"\r\n\r\n")
    assert b"Host: app.test\r\n" in DIALOGUES["http"](Check(type="http", host="app.test"), "10.0.0.1:80").opening
