"""What was removed from the folders of a daemon is there again."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from director import logs
from director.events import Event
from director.master.controls import open_control
from director.master.journal import Journal
from director.master.lock import Lock, probe
from director.master.pidfile import read_pid_file
from director.master.records import Changed, Loaded
from director.master.run import Master
from director.master.stage import Stage
from director.messages import Actor


@pytest.fixture
def serving(master: Master, tmp_path: Path) -> Master:
    """One that serves, with folders of its own, and has looked once."""
    master.places = replace(master.places, run_dir=str(tmp_path / "run"), state_dir=str(tmp_path / "state"))
    master.places = replace(master.places, pid_file=str(tmp_path / "run" / "directord.pid"))
    Path(master.places.run_dir).mkdir(0o755)
    master.lock = Lock(master.places.lock)
    assert master.lock.take()
    master.family.directory = str(tmp_path / "run" / "g1-1")
    master.family.make_directory()
    master.family.control = open_control(master.places.control).detach()
    master.journal = Journal(master.places.journal)
    master.journal.append(Loaded(1.0, "f", "d", "text"))
    master.write_pid_file()
    master.stage = Stage.SERVING
    master.upkeep.tick(10.0)
    return master


def test_a_run_dir_that_somebody_has_removed_is_there_again(serving: Master) -> None:
    shutil.rmtree(serving.places.run_dir)
    serving.upkeep.tick(10.5)
    assert not os.path.exists(serving.places.run_dir)  # it looks once a second
    serving.upkeep.tick(11.0)
    holder = probe(serving.places.lock)
    assert (holder.master_lives, holder.pid, holder.serving) == (True, os.getpid(), True)
    assert os.path.isdir(serving.family.directory)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(serving.places.control)
        with socket.socket(fileno=os.dup(serving.family.control)) as control:
            control.accept()[0].close()
    serving.upkeep.tick(12.0)
    assert read_pid_file(serving.places.pid_file) == os.getpid()


def test_a_journal_that_somebody_has_removed_is_written_again(serving: Master) -> None:
    shutil.rmtree(serving.places.state_dir)
    serving.upkeep.tick(11.0)
    serving.journal.close()
    assert Journal(serving.places.journal).records == [Loaded(1.0, "f", "d", "text")]


def test_a_journal_that_another_daemon_has_taken_is_told_of_once_and_written_again_when_that_ends(
    serving: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(logs, "error", lambda event, *, reason: said.append(str(reason)))
    os.unlink(serving.places.journal)
    other = Journal(serving.places.journal)
    other.append(Loaded(2.0, "g", "d", "other"))
    for now in (11.0, 12.0, 13.0):
        serving.upkeep.tick(now)
    (line,) = said
    assert "another daemon does" in line
    assert serving.journal.failure == f"changes are not remembered: {line}"
    later = Changed(1, 3.0, Actor("me"), "said", ())
    serving.journal.append(later)
    other.close()
    serving.upkeep.tick(14.0)
    assert serving.journal.failure == ""
    serving.journal.close()
    assert Journal(serving.places.journal).records[1:] == [Loaded(1.0, "f", "d", "text"), later]


def test_where_another_daemon_has_begun_it_says_so_once(serving: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(logs, "error", lambda event, *, reason: said.append(f"{event}: {reason}"))
    os.unlink(serving.places.lock)
    other = Lock(serving.places.lock)
    assert other.take()
    serving.upkeep.tick(11.0)
    serving.upkeep.tick(12.0)
    (line,) = said
    assert line.startswith(Event.DAEMON_FAILED) and line.endswith(f"another daemon has {other.path} by now")


def test_a_pid_file_that_can_not_be_written_again_is_told_of_once(
    serving: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(logs, "error", lambda event, *, reason: said.append(reason))
    serving.places = replace(serving.places, pid_file=str(tmp_path / "gone" / "pid"))
    for now in (11.0, 12.0, 13.0):
        serving.upkeep.tick(now)
    (line,) = said
    assert line.startswith("what was removed can't be made again: No such file or directory")
    (tmp_path / "gone").mkdir()
    serving.upkeep.tick(14.0)
    assert read_pid_file(serving.places.pid_file) == os.getpid()


def test_in_an_upgrade_nothing_is_touched(serving: Master) -> None:
    serving.stage = Stage.UPGRADING
    shutil.rmtree(serving.places.run_dir)
    serving.upkeep.tick(11.0)
    assert not os.path.exists(serving.places.run_dir)


def test_a_generation_that_retires_makes_its_folder_again_and_leaves_the_rest_to_the_daemon(serving: Master) -> None:
    serving.stage = Stage.RETIRING
    serving.journal.close()
    os.rmdir(serving.family.directory)
    os.unlink(serving.places.pid_file)
    os.rename(serving.places.lock, f"{serving.places.lock}.away")
    serving.upkeep.tick(11.0)
    assert not os.path.exists(serving.family.directory)  # the daemon has not been at it
    os.rename(f"{serving.places.lock}.away", serving.places.lock)
    serving.upkeep.tick(12.0)
    assert os.path.isdir(serving.family.directory)
    assert serving.journal.closed and not os.path.exists(serving.places.pid_file)
