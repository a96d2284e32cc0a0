"""Values as people read them."""

from __future__ import annotations

import pytest

from control.units import listed, size, span, summed


@pytest.mark.parametrize(("count", "text"), [(0, "0B"), (1023, "1023B"), (2048, "2KiB"), (5 * 1024**3, "5GiB")])
def test_sizes_have_units(count: int, text: str) -> None:
    assert size(count).replace(".0", "") == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (59, "59s"), (3600, "1h")])
def test_spans_have_units(seconds: float, text: str) -> None:
    assert span(seconds).startswith(text[:-1])


def test_of_a_list_that_is_empty_something_stands_there() -> None:
    assert listed(["a", "b"]) == "a,b"
    assert listed([]) == "-"


def test_faults_of_all_kinds_are_one_number() -> None:
    assert summed({"reset": 1, "connect_refused": 2}) == "3"
