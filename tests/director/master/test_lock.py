"""The lock file: who lives, told without taking a lock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from director.errors import RightsError, SystemFailure, cause
from director.master import lock
from director.master.lock import Lock, probe
from director.master.system import start_ticks


def test_nobody_lives_where_there_is_no_file(tmp_path: Path) -> None:
    holder = probe(str(tmp_path / "lock"))
    assert not holder.master_lives and not holder.children_live


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"null", b"7", b'{"pid": "x"}', b'{"children": [[1]]}', b'{"children": 3}', b"\xff\0"]
)
def test_whatever_somebody_wrote_there_the_locks_tell_the_truth(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lock"
    path.write_bytes(content)
    assert not probe(str(path)).master_lives
    ours = Lock(str(path))
    assert ours.take()
    holder = probe(str(path))
    assert (holder.master_lives, holder.pid, holder.children) == (True, 0, ())
    os.close(ours.fd)


def test_a_full_disk_is_said_with_the_file_that_has_no_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = Lock(str(tmp_path / "lock"))
    assert ours.take()
    full = os.open("/dev/full", os.O_RDWR)
    monkeypatch.setattr(ours, "fd", full)
    with pytest.raises(OSError) as failed:
        ours.write("g1-1", [], 30.0)
    os.close(full)
    assert cause(failed.value) == f"No space left on device: {tmp_path / 'lock'}"


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match=r"can't read lock file .*: Is a directory"):
        probe(str(tmp_path))


def test_that_one_has_no_right_to_read_it_is_said_by_its_own_exit_status(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch(mode=0o000)
    us = os.geteuid()
    if us == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(RightsError, match=r"can't read lock file .*: Permission denied"):
            probe(str(path))
    finally:
        os.seteuid(us)


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(SystemFailure, match="can't read lock file"):
        probe(str(tmp_path / "lock"))


def test_a_master_is_seen_by_others_and_keeps_them_out(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    ours = Lock(path)
    assert ours.take()
    ours.write("g1", [(7, 8)], 12.0)
    holder = probe(path)
    assert holder.master_lives and not holder.children_live
    assert (holder.pid, holder.generation, holder.children, holder.stop_timeout) == (os.getpid(), "g1", ((7, 8),), 12.0)
    assert holder.is_still(os.getpid(), start_ticks(os.getpid()) or 0)
    assert not holder.is_still(os.getpid(), 1)
    assert not Lock(path).take()
    ours.write("g", [], 1.0)
    assert probe(path).children == ()
    os.close(ours.fd)
    assert not probe(path).master_lives
    assert Lock(path).take()


def test_generations_that_retire_stay_on_record_as_long_as_they_live(tmp_path: Path) -> None:
    path, me = str(tmp_path / "lock"), (os.getpid(), start_ticks(os.getpid()) or 0)
    dead = Lock(path)
    assert dead.take()
    dead.write("g1", [], 1.0, [me, (me[0], 1)])
    dead.let_go()
    dead.let_go()
    heir = Lock(path)
    assert heir.take()
    heir.write("g2", [], 1.0)
    assert probe(path).retirees == (me,)


def test_children_outlive_their_master_in_the_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    ours = Lock(path)
    assert ours.take()
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ours.fd)
        lock.mark_child(path)
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    while not probe(path).children_live:
        pass
    os.close(ours.fd)
    holder = probe(path)
    assert holder.children_live and not holder.master_lives
    os.close(write)
    os.waitpid(pid, 0)
    assert not probe(path).children_live


def test_a_file_with_nonsense_tells_what_the_locks_tell(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("{")
    assert probe(str(tmp_path / "lock")).pid == 0


def test_who_may_only_look_is_kept_out_by_a_master_that_lives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # what is above is root's alone
    tmp_path.chmod(0o755)
    ours = Lock("lock")
    assert ours.take()
    os.chmod("lock", 0o444)
    us = os.geteuid()
    if us == 0:
        os.seteuid(65534)
    try:
        assert not Lock("lock").take()
        os.close(ours.fd)
        with pytest.raises(RightsError, match=r"can't open lock file lock: Permission denied"):
            Lock("lock").take()
    finally:
        os.seteuid(us)
