"""Reading a config in a child without rights."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from director.errors import ChildExit, SystemFailure
from director.master import checker
from director.master.checker import Check, begin, begin_trial, check_now, read_file, wait
from director.master.needs import Needs
from director.master.system import System
from director.master.vitals import Vitals
from director.messages import Checked
from tests.descriptors import descriptors

GOOD = (
    b'<director><service name="w"><listen ip="*:1"/>'
    b'<group name="g"><host name="h" ip="1.1.1.1:1"/></group></service></director>'
)


NEEDS = Needs("/no/run", "/nowhere", lambda admin, files: ())


def finished(check: Check) -> Check:
    wait(check)
    return check


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


@pytest.mark.parametrize("reaped", [False, True])
def test_a_checker_that_was_killed_is_nobodys_bug(reaped: bool) -> None:
    check = begin(System(), GOOD, "c.xml")
    os.kill(check.pid, 9)
    if reaped:
        _, check.status = os.waitpid(check.pid, 0)
    (problem,) = finished_by_hand(check).problems
    if not reaped:
        os.waitpid(check.pid, 0)
    cause = "the checker was killed by SIGKILL (out of memory?); try again"
    assert problem.message == f"can't check the config: {cause}"


def finished_by_hand(check: Check) -> Checked:
    while not check.collect():
        pass
    check.sock.close()
    assert check.result is not None
    return check.result


def test_a_checkers_time_is_what_it_had_and_what_somebody_took_from_it() -> None:
    check = begin(System(), GOOD, "c.xml")
    for _ in range(100):
        check.tick(check.looked + 0.5, lambda pid: Vitals("R", 5.0))
    assert check.result is None  # it got no processor
    for _ in range(50):
        check.tick(check.looked + 0.5, lambda pid: Vitals("T"))
    assert check.result is not None
    assert check.result.problems[0].message == "can't check the config: it took longer than 20 s"
    check.end()
    os.waitpid(check.pid, 0)


def test_what_the_master_was_late_is_not_taken_from_a_checkers_time() -> None:
    check = begin(System(), GOOD, "c.xml")
    check.tick(check.looked + 3600)
    assert check.result is None
    assert finished(check).result is not None


def test_a_checker_whose_result_nobody_waits_for_ends_in_peace(capfd: pytest.CaptureFixture[str]) -> None:
    check = begin(System(), GOOD, "c.xml")
    check.sock.close()
    assert os.waitstatus_to_exitcode(os.waitpid(check.pid, 0)[1]) == ChildExit.DRAINED
    assert capfd.readouterr().err == ""


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


def test_who_is_patient_does_not_wait_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "PIPE_LIMIT", 0.05)
    path = tmp_path / "config.xml"
    os.mkfifo(path)
    with pytest.raises(SystemFailure, match=r"can't read config .*: nobody has written to it for 0\.05 s"):
        read_file(str(path), patient=True)
    silent = os.open(path, os.O_RDWR)
    with pytest.raises(SystemFailure, match=r"nobody has written"):
        read_file(str(path), patient=True)
    os.close(silent)


def test_no_more_is_read_than_may_be() -> None:
    text = read_file("/dev/zero", patient=True)
    assert "more than 16 MiB" in check_now(text, "c.xml").problems[0].message


def test_a_scheduler_that_takes_long_to_load_is_for_workers_that_begin_with_it_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "_workers", lambda config: None)  # who could not look into pytest's folders
    (tmp_path / "own_slow.py").write_text(
        "import time\ntime.sleep(0.3)\nclass S:\n    def choose(self, hosts, request): return hosts[0]\n"
    )
    text = GOOD.replace(b"<director>", b'<director worker-timeout="1s">').replace(
        b'"g"', b'"g" scheduler="python:own_slow:S"'
    )
    name, path = "python:own_slow:S", str(tmp_path / "c.xml")
    fresh, known, late = (
        wait(begin_trial(System(), finished(begin(System(), text, path)), NEEDS, loaded))
        for loaded in (None, (name,), ())
    )
    assert fresh.config is not None and fresh.config.own_schedulers == (name,)
    assert "is slow: it took 0." in fresh.problems[0].message and "longer than 0.25 s" in fresh.problems[0].message
    assert known.config is not None and not known.problems
    assert late.config is None
    assert f"can't use scheduler {name}: it takes longer than 0.25 s to load" in late.problems[0].message


@pytest.mark.parametrize("deed", ["os._exit(0)", "os.kill(os.getpid(), 11)"])
def test_a_scheduler_that_ends_the_checker_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str) -> None:
    monkeypatch.setattr(checker, "_workers", lambda config: None)  # who could not look into pytest's folders
    (tmp_path / "own_deadly.py").write_text(f"import os\n{deed}\n")
    text = b"\n" + GOOD.replace(b'"g"', b'"g" scheduler="python:own_deadly:S"')
    (problem,) = check_now(text, str(tmp_path / "c.xml"), NEEDS).problems
    assert problem.line == 2
    assert problem.message.startswith("can't use scheduler python:own_deadly:S: the checker died on it")


@pytest.mark.parametrize(("user", "good"), [("games", True), ("nobody", False)])
def test_a_scheduler_is_tried_as_whom_workers_will_be(user: str, good: bool) -> None:
    good = good or os.geteuid() != 0  # who is not root stays who he is, whatever `user` says
    folder = Path(tempfile.mkdtemp(prefix="dir-", dir="/tmp"))  # pytest's own are root's alone
    try:
        (folder / "own_mine.py").write_text("class S:\n    def choose(self, hosts, request): return hosts[0]\n")
        if os.geteuid() == 0:
            shutil.chown(folder, "games")
        text = GOOD.replace(b"<director>", f'<director user="{user}">'.encode())
        checked = check_now(text.replace(b'"g"', b'"g" scheduler="python:own_mine:S"'), str(folder / "c.xml"), NEEDS)
    finally:
        shutil.rmtree(folder)
    assert (checked.config is not None) == good, checked.problems
    assert good or "user 'nobody' can't read" in checked.problems[0].message
