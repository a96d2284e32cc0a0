"""The nouns themselves."""

from __future__ import annotations

import pytest

from director.config.model import Endpoint, Host


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("10.0.0.1", 80), "10.0.0.1:80"),
        (Endpoint("*", 80), "*:80"),
        (Endpoint("::1", 80), "[::1]:80"),
        (Endpoint(path="/run/x.sock"), "unix:/run/x.sock"),
    ],
)
def test_an_endpoint_is_written_as_in_the_file(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


def test_numbers_take_no_part_in_equality() -> None:
    assert Host(name="a", ip=Endpoint("*", 1), number=1) == Host(name="a", ip=Endpoint("*", 1), number=2)
