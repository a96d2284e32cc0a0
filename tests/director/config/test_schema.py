"""The table of elements and attributes, against the model it fills."""

from __future__ import annotations

from dataclasses import fields

import pytest

from director.config.schema import ELEMENTS, Element


@pytest.mark.parametrize("element", [one for one in ELEMENTS.values() if one.kind is not None], ids=lambda one: one.tag)
def test_every_field_of_the_model_can_be_written(element: Element) -> None:
    assert element.kind is not None
    wanted = {field.name for field in fields(element.kind) if field.compare}
    reached = {row.field for row in element.attributes} | set(element.children.values())
    assert reached == wanted


@pytest.mark.parametrize("element", list(ELEMENTS.values()), ids=lambda one: one.tag)
def test_every_default_reads_back_as_itself(element: Element) -> None:
    for row in element.attributes:
        if not row.required and row.default is not None and not callable(row.default):
            assert row.value.parse(row.value.show(row.default), "/") == row.default, row.name
