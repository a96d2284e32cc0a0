"""The measuring itself is not for tests; that it can be called, and what it makes of what it measured, is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import badlog, connlog, page, report, wrk
from tests.bench.estimates import Interval, median_interval, paired_ratio, percentile
from tests.bench.samples import Figure, Results, Sample
from tests.bench.syscalls import Calls, per_connection

ROOT = Path(__file__).parents[2]
CHEAP = Figure("cpu", "short connection", "µs", must=1.05, aim=0.95)
FAST = Figure("rate", "bulk", "GB/s", more_is_better=True, must=1.8, aim=2.5)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_says_what_it_can_do() -> None:
    done = bench("--help")
    assert done.returncode == 0
    assert "--peers" in done.stdout


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_of_the_connection_log_are_measured(form: str) -> None:
    assert connlog.microseconds(form, lines=connlog.TURN, rounds=1) > 0


def test_logs_that_take_nothing_are_compared_with_one_that_does() -> None:
    assert set(badlog.p99s(turns=1, seconds=0.1)) == set(badlog.LOGS)


def test_it_refuses_a_page_without_room_before_it_measures(tmp_path: Path) -> None:
    bare = tmp_path / "page.md"
    bare.write_text("# Performance\n")
    done = bench("--write", str(bare))
    assert done.returncode == 2
    assert "it needs a line" in done.stderr


def test_the_page_of_the_manual_has_room() -> None:
    before, after = page.parted(ROOT / "docs" / "performance.md")
    assert before.startswith("# Performance")
    assert after.strip()


def test_a_new_measurement_replaces_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    for measured in ("new", "newer"):
        page.write(path, f"{measured}\n")
        assert path.read_text() == f"before\n{page.BEGIN}\n\n{measured}\n\n{page.END}\nafter\n"


def test_the_report_of_wrk_is_read_with_all_its_failures() -> None:
    said = "  1200 requests in 1.01s, 1MB read\n  Socket errors: connect 1, read 2, write 0, timeout 3\n"
    assert wrk.counts(said) == (1200, 6)
    assert wrk.counts(said + "  Non-2xx or 3xx responses: 10\n") == (1200, 16)
    with pytest.raises(RuntimeError, match="unable to connect"):
        wrk.counts("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_the_table_of_strace_is_counted_per_connection() -> None:
    table = (
        "% time     seconds  usecs/call     calls    errors syscall\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        " 55.76    1.382874        2380       200           close\n"
        " 28.21    0.699580          17       100        10 accept4\n"
        "------ ----------- ----------- --------- --------- ----------------\n"
        "100.00    2.082454        2397       300        10 total\n"
    )
    assert per_connection(table, 100) == {"close": Calls(2.0, 0.0), "accept4": Calls(1.0, 0.1)}


def test_seven_rounds_give_a_median_with_ninety_five_percent() -> None:
    interval = median_interval([5, 1, 4, 2, 3, 7, 6])
    assert (interval.median, interval.low, interval.high) == (4, 1, 7)
    assert interval.confidence > 0.95
    assert percentile(range(1, 101), 99) == 99


def test_a_ratio_is_of_rounds_that_both_took_part_in() -> None:
    ratio = paired_ratio({0: 2.0, 1: 3.0, 2: 8.0}, {0: 2.0, 2: 4.0})
    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == (1.0, 1.5, 2.0)
    assert paired_ratio({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize(
    ("figure", "median", "low", "high", "verdict"),
    [
        (CHEAP, 0.94, 0.90, 0.99, report.Verdict.AIM),
        (CHEAP, 1.04, 1.00, 1.09, report.Verdict.MUST),
        (CHEAP, 1.06, 1.04, 1.09, report.Verdict.UNCLEAR),
        (CHEAP, 1.10, 1.06, 1.20, report.Verdict.MISSED),
        (FAST, 2.6, 2.0, 3.0, report.Verdict.AIM),
        (FAST, 1.7, 1.5, 1.9, report.Verdict.UNCLEAR),
        (FAST, 1.5, 1.4, 1.7, report.Verdict.MISSED),
    ],
)
def test_a_bound_is_missed_when_the_whole_interval_is_beyond_it(
    figure: Figure, median: float, low: float, high: float, verdict: report.Verdict
) -> None:
    assert report.judge(figure, Interval(median, low, high, 0.95)) is verdict


def test_of_haproxy_with_and_without_splice_the_better_one_counts_and_limits_are_marked() -> None:
    results = Results()
    for number in range(7):
        results.add("rate", "director", number, Sample(4.0, bound_by_load=True))
        results.add("rate", "haproxy", number, Sample(1.0))
        results.add("rate", "haproxy-splice", number, Sample(2.0))
    (row,) = report.rows(results, [FAST])
    assert (row.reference, row.ratio and row.ratio.median) == ("haproxy-splice", 2.0)
    text = report.markdown(
        [row], results, {"date": "", "rounds": 7, "minutes": 1, "machine": {}, "versions": {}}, {}, []
    )
    assert "≥ 2.000" in text
