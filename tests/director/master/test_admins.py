"""What web admins need of the master. Handing it over is seen in tests/system/test_web.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from director.config.model import Admin, Config, Endpoint
from director.demo import free_ports
from director.errors import SystemFailure
from director.master.admins import Admins
from tests.system.addresses import accepts


def config(port: int, users: str | None = None) -> Config:
    return Config(admins=(Admin(listen=Endpoint("127.0.0.1", port), users_file=users),))


def test_it_listens_for_the_admins_of_the_config_and_no_others(tmp_path: Path) -> None:
    admins, one, other = Admins(str(tmp_path)), *free_ports(0, 0)
    admins.open(config(one))
    assert accepts(f"127.0.0.1:{one}")
    admins.open(config(other))
    assert accepts(f"127.0.0.1:{other}") and not accepts(f"127.0.0.1:{one}")
    admins.close()
    assert not accepts(f"127.0.0.1:{other}")


def test_a_file_that_is_not_there_leaves_all_as_it_was(tmp_path: Path) -> None:
    admins, one, other = Admins(str(tmp_path)), *free_ports(0, 0)
    admins.open(config(one))
    with pytest.raises(SystemFailure, match="can't open"):
        admins.open(config(other, str(tmp_path / "none.yaml")))
    assert accepts(f"127.0.0.1:{one}") and not accepts(f"127.0.0.1:{other}")
    admins.close()
