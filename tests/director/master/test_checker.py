"""Reading a config in a child without rights."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psutil
import pytest

from director.errors import SystemFailure
from director.master.checker import begin, check_now, read_file
from director.master.system import System
from tests.descriptors import descriptors

GOOD = (
    b'<director><service name="w"><listen ip="*:1"/>'
    b'<group name="g"><host name="h" ip="1.1.1.1:1"/></group></service></director>'
)


def test_a_good_text_comes_back_as_a_config() -> None:
    result = check_now(GOOD, "c.xml")
    assert result.config is not None
    assert result.config.services[0].name == "w"


def test_a_bad_text_comes_back_as_problems() -> None:
    result = check_now(b"<director><servize/></director>", "c.xml")
    assert result.config is None
    assert any("service" in str(problem) for problem in result.problems)


def test_a_checker_that_dies_is_a_problem_not_a_crash() -> None:
    check = begin(System(), GOOD, "c.xml")
    os.kill(check.pid, 9)
    os.waitpid(check.pid, 0)
    while not check.collect():
        pass
    check.sock.close()
    assert check.result is not None


def test_no_child_and_no_descriptor_is_left() -> None:
    check_now(GOOD, "c.xml")
    before, children = descriptors(), psutil.Process().children()
    check_now(GOOD, "c.xml")
    assert descriptors() <= before
    assert set(psutil.Process().children()) <= set(children)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure, match=r"can't read config .*nothing\.xml: No such file"):
        read_file(str(tmp_path / "nothing.xml"))


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a directory"])
def test_what_is_no_file_keeps_no_daemon_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.xml"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(SystemFailure, match=r"no regular file|Is a directory"):
        read_file(str(path))


def test_who_is_patient_reads_from_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "config.xml"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(GOOD))
    writer.start()
    assert read_file(str(path), patient=True) == GOOD
    writer.join()


def test_no_more_is_read_than_may_be() -> None:
    text = read_file("/dev/zero", patient=True)
    assert "more than 16 MiB" in check_now(text, "c.xml").problems[0].message
