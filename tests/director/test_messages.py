"""The contract between processes."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from director import messages


@pytest.mark.parametrize("kind", get_args(messages.Message), ids=lambda kind: str(kind.__name__))
def test_every_message_is_a_frozen_dataclass_that_says_what_it_is(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert getattr(kind, "__dataclass_params__").frozen  # noqa: B009
    assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")
