"""An admin to visit."""

from __future__ import annotations

import pytest
from werkzeug.test import Client

from tests.control.web.visiting import Told, client_of


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def client(told: Told) -> Client:
    return client_of(told)
