"""Many workers that hear of each other late balance nearly as well as one that sees all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import balance

TRACES = {seed: balance.trace(seed, 6000, balance.RATES["busy"]) for seed in (1, 2)}


@pytest.mark.parametrize("scheduler", ["leastconns", "leastconnsrr", "p2c"])
def test_the_peak_is_within_a_tenth_of_one_scheduler_that_sees_all(scheduler: str) -> None:
    found = dict(balance.ratios(scheduler, (4, 16), TRACES))
    assert all(ratio <= 1.1 for ratio in found.values()), found


def test_a_trace_is_the_same_for_the_same_seed() -> None:
    assert balance.trace(1, 50, 500.0) == balance.trace(1, 50, 500.0) != balance.trace(2, 50, 500.0)


def test_the_page_has_room_for_the_tables_and_is_else_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{balance.BEGIN}\nold\n{balance.END}\nafter\n")
    assert balance.main(["--seeds", "1", "--count", "200", "--write", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| `leastconns` | " in text
    with pytest.raises(SystemExit):
        page.write_text("bare")
        balance.main(["--seeds", "1", "--count", "50", "--write", str(page)])
