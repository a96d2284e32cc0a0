"""Checks that go to half an address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from director.config.checking import deserted, misfit
from director.config.model import Admin, Check, Config, Endpoint, User

UNIX, TCP = Endpoint(path="/run/app.sock"), Endpoint("10.0.0.1", 80)


@pytest.mark.parametrize(
    ("check", "ip", "why"),
    [
        (None, UNIX, None),
        (Check(), UNIX, None),
        (Check(address="10.0.0.2", port=80), UNIX, None),
        (Check(port=80), UNIX, "goes to port 80, and unix:/run/app.sock has no address"),
        (Check(address="10.0.0.2"), UNIX, "goes to 10.0.0.2, and unix:/run/app.sock has no port"),
        (Check(port=80), TCP, None),
        (Check(address="10.0.0.2"), TCP, None),
        (Check(address="10.0.0.2"), Endpoint(srv="_http._tcp.app.test"), None),
    ],
)
def test_a_unix_host_completes_neither_port_nor_address(check: Check | None, ip: Endpoint, why: str | None) -> None:
    assert misfit(check, ip) == why


def test_an_admin_is_deserted_that_nobody_may_use() -> None:
    admin = Admin(listen=Endpoint("127.0.0.1", 7001))
    good = (replace(admin, users_file="/users.yaml"), replace(admin, users=(User(name="a", password="iy9l0V1MkG1DE"),)))
    assert deserted(Config(admins=good)) is None
    assert deserted(Config(admins=(*good, admin))) is admin
