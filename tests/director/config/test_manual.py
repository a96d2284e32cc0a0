"""The manual and the schema tell of the same elements and attributes."""

from __future__ import annotations

import pytest

from director.config import schema
from director.config.manual import ATTRIBUTES, ELEMENTS


def test_every_element_is_explained_and_no_other() -> None:
    assert set(ELEMENTS) == set(schema.ELEMENTS)


@pytest.mark.parametrize("tag", sorted(schema.ELEMENTS))
def test_every_attribute_is_explained_and_no_other(tag: str) -> None:
    assert set(ATTRIBUTES[tag]) == set(schema.ELEMENTS[tag].rows)


@pytest.mark.parametrize(("tag", "name"), [(tag, name) for tag, rows in sorted(ATTRIBUTES.items()) for name in rows])
def test_every_example_is_a_value_that_the_schema_takes(tag: str, name: str) -> None:
    schema.ELEMENTS[tag].rows[name].value.parse(ATTRIBUTES[tag][name].example, "/etc/director")


@pytest.mark.parametrize(("tag", "name"), [(tag, name) for tag, rows in sorted(ATTRIBUTES.items()) for name in rows])
def test_every_text_is_a_sentence(tag: str, name: str) -> None:
    assert ATTRIBUTES[tag][name].text.endswith(".")
