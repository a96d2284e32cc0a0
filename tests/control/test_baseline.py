"""From when the line dialect counts."""

from __future__ import annotations

from copy import deepcopy

from control.baseline import Baseline
from tests.control.hubs import stats


def test_without_one_all_is_told() -> None:
    assert Baseline().since(stats()) == stats()


def test_only_what_was_counted_since_is_told_and_gauges_stay() -> None:
    baseline, later = Baseline(), deepcopy(stats())
    baseline.set(stats())
    service = later["services"][0]
    host = service["groups"][0]["hosts"][0]
    service["total"] += 3
    host["total"] += 2
    host["faults"]["reset"] += 1
    host["failed"]["SD"] += 1
    service["failed"]["sQ"] = 4
    later["total"] += 3
    assert baseline.since(later)["total"] == 3
    told = baseline.since(later)["services"][0]
    assert (told["total"], told["bytes_in"], told["open"]) == (3, 0, service["open"])
    first = told["groups"][0]["hosts"][0]
    assert (first["total"], first["bytes_out"], first["open"]) == (2, 0, host["open"])
    assert (first["faults"]["reset"], first["faults"]["connect_refused"], first["checks"]["failed"]) == (1, 0, 0)
    assert (told["failed"], first["failed"]) == ({"SC": 0, "SD": 0, "sQ": 4}, {"SD": 1})
    assert later["services"][0]["total"] == 23  # what others are told


def test_what_came_later_is_told_whole() -> None:
    baseline, later = Baseline(), stats()
    baseline.set(stats())
    later["services"][1]["number"] = 99
    later["services"][1]["groups"][0]["hosts"][0]["number"] = 98
    told = baseline.since(later)["services"][1]
    assert told["total"] == 20 and told["groups"][0]["hosts"][0]["total"] == 10
