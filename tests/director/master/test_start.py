"""Pieces of starting that need no daemon: the control socket, what dead generations left.

The master as a whole is tested with real processes, in tests/system.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from director.errors import SystemFailure
from director.master.lock import Holder
from director.master.start import _sweep_generations, open_control
from director.master.system import start_ticks


@pytest.mark.parametrize("depth", [1, 12])
def test_the_control_socket_works_however_long_its_path(tmp_path: Path, depth: int) -> None:
    folder = tmp_path.joinpath(*["a-long-name"] * depth)
    folder.mkdir(parents=True)
    path = str(folder / "control.sock")
    sock = open_control(path, ())
    assert os.stat(path).st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX) as client:
        fd = os.open(path, os.O_PATH)
        client.connect(f"/proc/self/fd/{fd}")
        os.close(fd)
    sock.close()
    open_control(path, ()).close()  # a stale one is no obstacle


def test_a_group_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match="can't give rights to group 'no-such-group': there is no such group"):
        open_control(str(tmp_path / "control.sock"), ("no-such-group",))


def test_a_group_goes_by_its_number_too(tmp_path: Path) -> None:
    open_control(str(tmp_path / "control.sock"), (str(os.getgid()),)).close()
    assert (tmp_path / "control.sock").stat().st_gid == os.getgid()


def test_what_dead_generations_left_goes_and_the_rest_stays(tmp_path: Path) -> None:
    mine = f"g{os.getpid()}-{start_ticks(os.getpid())}"
    for name in ("g1-1", mine, "g2-2", "gossip", "directord.lock"):
        (tmp_path / name).mkdir()
    _sweep_generations(str(tmp_path), Holder(children_live=True, generation="g2-2"))
    assert sorted(os.listdir(tmp_path)) == sorted([mine, "g2-2", "gossip", "directord.lock"])
