"""The control sockets, and which groups may connect."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from director.config.model import Config, Control
from director.errors import SystemFailure
from director.master.controls import Controls, grant, open_control


@pytest.mark.parametrize("depth", [1, 12])
def test_the_control_socket_works_however_long_its_path(tmp_path: Path, depth: int) -> None:
    folder = tmp_path.joinpath(*["a-long-name"] * depth)
    folder.mkdir(parents=True)
    path = str(folder / "control.sock")
    sock = open_control(path)
    assert os.stat(path).st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX) as client:
        fd = os.open(path, os.O_PATH)
        client.connect(f"/proc/self/fd/{fd}")
        os.close(fd)
    sock.close()
    open_control(path).close()  # a stale one is no obstacle


def test_a_group_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    with (
        open_control(path),
        pytest.raises(SystemFailure, match="can't give rights to group 'no-such-group': there is no such group"),
    ):
        grant(path, ("no-such-group",))


def test_a_group_goes_by_its_number_too(tmp_path: Path) -> None:
    path = str(tmp_path / "control.sock")
    with open_control(path):
        grant(path, (str(os.getgid()),))
        assert os.stat(path).st_gid == os.getgid()


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


@pytest.fixture
def main(tmp_path: Path) -> Path:
    path = tmp_path / "control.sock"
    open_control(str(path)).close()
    return path


def test_each_socket_is_for_its_own_groups_and_goes_with_the_config(tmp_path: Path, main: Path) -> None:
    controls, other = Controls(str(main)), tmp_path / "other.sock"
    gid = str(os.getgid())
    config = Config(
        controls=(Control(socket=str(other), group=gid), Control(group=gid), Control(group="0"), Control(group="54321"))
    )
    controls.open_new(config)
    controls.grant(config)
    assert (mode(main), mode(other)) == ("0o666", "0o660")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(other))
    controls.grant(Config())
    assert mode(main) == "0o660"
    controls.drop_gone(Config())
    assert not other.exists()
    assert controls.descriptors == {}


def test_where_one_can_not_be_opened_none_stays_open(tmp_path: Path, main: Path) -> None:
    controls, good, taken = Controls(str(main)), tmp_path / "good.sock", tmp_path / "taken.sock"
    taken.write_text("mine")
    with pytest.raises(SystemFailure, match=f"can't open control socket {taken}: a file that is no socket"):
        controls.open_new(Config(controls=(Control(socket=str(good)), Control(socket=str(taken)))))
    assert not good.exists() and taken.exists()
