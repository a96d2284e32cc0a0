"""What is counted of checks."""

from __future__ import annotations

from control.chart import Chart, errno_name
from control.dialogues import Outcome
from director.messages import Fault


def test_checks_are_counted_with_their_latency() -> None:
    chart = Chart()
    chart.note(Outcome(True, "L6OK", expires_at=86400.0 * 11), 0.002, 86400.0)
    chart.note(Outcome(False, "L4CON", errno=111), 0.001, 86401.0)
    document = chart.document(86400.0)
    assert document["checks"] == {"ok": 1, "failed": 1}
    assert (document["check_ms"], document["check_status"], document["errno"]) == (1.0, "L4CON", "ECONNREFUSED")
    assert (document["last_good_check"], document["last_check"]) == (86400.0, 86401.0)
    assert document["tls_expiry_days"] == 10.0
    assert 0 < document["check_ms_p99"] <= 2.5


def test_a_dump_is_plain_and_comes_back_whole() -> None:
    chart = Chart(since=5.0)
    chart.note(Outcome(True, "L4OK"), 0.002, 7.0)
    chart.out.follow(True, 8.0)
    assert Chart.restored(chart.dump()) == chart


def test_workers_words_have_an_errno() -> None:
    assert errno_name(Fault.CONNECT_REFUSED, "anything") == "ECONNREFUSED"
    assert errno_name(Fault.CONNECT_FAILED, "No route to host") == "EHOSTUNREACH"
    assert errno_name(Fault.CONNECT_FAILED, "it has no address") == ""
