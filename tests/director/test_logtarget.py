"""What the words of config.xml for a log's target mean."""

from __future__ import annotations

import pytest

from director.logtarget import LogTarget, Wrapping, log_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("/var/log/x", LogTarget(Wrapping.PLAIN, path="/var/log/x")),
        ("stderr", LogTarget(Wrapping.PLAIN)),
        ("journald", LogTarget(Wrapping.PRIORITY)),
        ("syslog", LogTarget(Wrapping.LOCAL, socket="/dev/log")),
        ("syslog:", LogTarget(Wrapping.LOCAL, socket="/dev/log")),
        ("syslog:/run/log", LogTarget(Wrapping.RFC5424, socket="/run/log")),
        ("syslog:10.0.0.1", LogTarget(Wrapping.RFC5424, socket="10.0.0.1", port=514)),
        ("syslog:loghost:1514", LogTarget(Wrapping.RFC5424, socket="loghost", port=1514)),
        ("syslog:[::1]:1514", LogTarget(Wrapping.RFC5424, socket="::1", port=1514)),
        ("syslog:[::1]", LogTarget(Wrapping.RFC5424, socket="::1", port=514)),
        ("syslog:::1", LogTarget(Wrapping.RFC5424, socket="::1", port=514)),
        ("syslogs", LogTarget(Wrapping.PLAIN, path="syslogs")),
    ],
)
def test_every_way_to_name_a_target(text: str, target: LogTarget) -> None:
    assert log_target(text, journal=False) == target


def test_where_the_journal_reads_stderr_lines_carry_their_priority() -> None:
    assert log_target("stderr", journal=True) == LogTarget(Wrapping.PRIORITY)
    assert log_target("/x", journal=True) == LogTarget(Wrapping.PLAIN, path="/x")
