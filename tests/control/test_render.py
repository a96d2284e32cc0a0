"""Results as text: readable by people, and by the scripts that people write."""

from __future__ import annotations

import re

import pytest

from control.render import fitted, plain
from tests.control.hubs import stats


def host(**more: object) -> dict[str, object]:
    base: dict[str, object] = {
        "service": "web",
        "group": "main",
        "enabled": True,
        "name": "a",
        "ip": "10.0.0.1:80",
        "state": "up",
        "weight": 1.0,
        "maxconn": None,
        "backup": False,
        "open": 3,
        "total": 12345,
        "peak": 9,
        "queued": 0,
        "bytes_in": 2048,
        "bytes_out": 5 * 1024**3,
        "faults": {"connect_refused": 2, "reset": 1},
        "since": 0.0,
        "reason": "",
        "by": "",
        "next_check_seconds": None,
    }
    return {**base, **more}


def test_a_table_has_a_line_for_each_host_under_one_of_titles() -> None:
    lines = list(plain("hosts", {"hosts": [host(), host(name="b", state="maint", reason="a new kernel")]}))
    assert len(lines) == 3
    assert lines[0].split()[:3] == ["SERVICE", "GROUP", "HOST"]
    assert lines[1].split()[:3] == ["web", "main", "a"]
    assert "a new kernel" in lines[2]
    columns = [line.index(word) for line, word in zip(lines, ("STATE", "up", "maint"), strict=True)]
    assert len(set(columns)) == 1


def shown(width: int, *hosts: dict[str, object]) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in fitted("hosts", {"hosts": list(hosts)}, width)]


@pytest.mark.parametrize("width", [1, 20, 80])
def test_no_word_is_broken_on_a_terminal_that_is_too_narrow_for_a_table(width: int) -> None:
    entries = [host(ip="10.0.0.1:8080"), host(name="b", state="maint", reason="a new kernel")]
    assert shown(width, *entries) == list(plain("hosts", {"hosts": entries}))


def test_what_is_long_at_the_end_is_folded_where_there_is_room_for_it() -> None:
    reason = " ".join(["a disk that fails"] * 12)
    lines = shown(150, host(reason=reason))
    assert len(lines) > 2 and max(map(len, lines)) <= 150
    assert lines[1].split()[:4] == ["web", "main", "a", "10.0.0.1:80"]
    column = lines[0].index("REASON")
    assert " ".join(line[column:] for line in lines[1:]) == reason


def test_without_colours_a_terminal_is_fitted_all_the_same() -> None:
    one = host(reason=" ".join(["a disk that fails"] * 12))
    assert [line.rstrip() for line in fitted("hosts", {"hosts": [one]}, 150, coloured=False)] == shown(150, one)


def test_the_statistics_say_when_most_was_open() -> None:
    lines = list(plain("stats", stats()))
    assert lines[1] == "open: 4, peak: 8 at 2023-11-14T22:13:20Z"


def test_a_group_has_what_it_counted_with_hosts_that_are_gone() -> None:
    document = stats()
    document["services"][0]["groups"][0] |= {"total": 4711, "faults": {"reset": 5}}
    (line,) = (line.split() for line in plain("stats", document) if "web  " in line and "  enabled  " in line)
    assert (line[5], line[7]) == ("4711", "5")


def test_a_disabled_service_says_so() -> None:
    document = stats()
    document["services"][0]["disabled"] = True
    assert [line.split()[:4] for line in plain("stats", document)][3] == ["web", "-", "-", "disabled"]
    rows = [{**one, "hosts": 1, "hosts_up": 1} for one in document["services"]]
    assert [line.split()[2] for line in plain("services", {"services": rows})] == ["DISABLED", "yes", "no"]


def test_what_a_name_holds_can_not_move_the_terminal() -> None:
    text = "\n".join(plain("hosts", {"hosts": [host(reason="\x1b[2Jgone\n")]}))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2
