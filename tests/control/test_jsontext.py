"""JSON in pieces."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, strategies

from control.jsontext import dumps, pieces

VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=5),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(max_size=5), inner),
    max_leaves=20,
)


@given(VALUES, strategies.integers(1, 3))
def test_joined_they_are_what_json_makes_of_it(document: Any, size: int) -> None:
    assert "".join(pieces(document, size)) == dumps(document) == json.dumps(document)


def test_a_long_list_comes_by_parts_wherever_it_is() -> None:
    document = {"services": [{"hosts": ["x" * 1000] * 200}]}
    found = list(pieces(document))
    assert [len(part) // 50_000 for part in found] == [1, 1, 1, 1, 0]
    assert "".join(found) == json.dumps(document)


def test_what_is_short_comes_as_one() -> None:
    assert list(pieces({"services": [{"hosts": [1, 2, 3]}] * 40, "pid": 1})) == [
        json.dumps({"services": [{"hosts": [1, 2, 3]}] * 40, "pid": 1})
    ]
