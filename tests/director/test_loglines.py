"""How an event looks as a line, in every wrapping."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from director.loglines import encoder
from director.logtarget import Wrapping
from director.messages import Happened

DOWN = Happened(1700000000.25, "warning", "host down", "hub", 4711, {"host": "web/main/a", "reason": 'it "left"'})


def line(happened: Happened, wrapping: Wrapping, format: str = "text") -> str:
    return encoder(format, wrapping, "lb1")(happened).decode()


def test_a_line_of_text_has_time_process_level_event_and_fields() -> None:
    assert re.fullmatch(
        r"2023-11-1\dT\d\d:\d\d:20\.250 director\[4711\] hub WARNING "
        r'host down: host=web/main/a reason="it \\"left\\""\n',
        line(DOWN, Wrapping.PLAIN),
    )
    assert line(Happened(0, "info", "host up", "hub", 1, {}), Wrapping.PLAIN).endswith(" hub INFO host up\n")


def test_a_line_of_json_has_the_same() -> None:
    assert json.loads(line(DOWN, Wrapping.PLAIN, "json")) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "event": "host down",
        "process": "hub",
        "pid": 4711,
        "fields": {"host": "web/main/a", "reason": 'it "left"'},
    }


def test_where_the_reader_knows_time_and_process_they_are_left_out() -> None:
    assert line(DOWN, Wrapping.PRIORITY) == '<4>hub: host down: host=web/main/a reason="it \\"left\\""\n'
    assert re.fullmatch(r"<28>Nov 1\d \d\d:\d\d:20 director\[4711\]: hub: host down: .*\n", line(DOWN, Wrapping.LOCAL))


def test_rfc5424_has_all_its_fields() -> None:
    assert line(DOWN, Wrapping.RFC5424) == (
        "<28>1 2023-11-14T22:13:20.250000Z lb1 director 4711 host-down "
        '[director@32473 host="web/main/a" reason="it \\"left\\""] '
        'hub: host down: host=web/main/a reason="it \\"left\\""\n'
    )
    bare = Happened(0.0, "error", "daemon failed", "master", 1, {})
    assert line(bare, Wrapping.RFC5424) == (
        "<27>1 1970-01-01T00:00:00.000000Z lb1 director 1 daemon-failed - master: daemon failed\n"
    )


@given(st.text(), st.sampled_from(list(Wrapping)), st.sampled_from(["text", "json"]))
def test_a_line_is_one_line_whatever_is_in_it(text: str, wrapping: Wrapping, format: str) -> None:
    data = encoder(format, wrapping, "lb1")(Happened(0.0, "info", "host up", "hub", 1, {"reason": text}))
    assert data.count(b"\n") == 1 and data.endswith(b"\n") and b"\r" not in data
