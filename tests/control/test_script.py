"""Checks by a program: its exit status, its words, its end at the timeout."""

from __future__ import annotations

import resource
import signal
import time
from pathlib import Path

import psutil
import pytest

from control.attempt import Job
from control.memory import Memory
from control.script import ENVIRONMENT, environment
from director.config.model import Check
from tests.control.test_prober import Clinic
from tests.descriptors import descriptors
from tests.waiting import until

WHERE = ((2, ("10.0.0.1", 80)),)


def script(folder: Path, body: str) -> str:
    path = folder / "check"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("body", "status", "cause", "code"),
    [
        ("exit 0", "PROCOK", "", 0),
        ("echo first; echo the disk is full; exit 3", "PROCERR", "the disk is full", 3),
        ("exit 2", "PROCERR", "exit status 2", 2),
        ("kill -9 $$", "PROCERR", "ended by SIGKILL", 9),
        ("kill -40 $$", "PROCERR", "ended by signal 40", 40),
        ("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo all is well", "PROCOK", "all is well", 0),
        ('test "$DIRECTOR_HOST $DIRECTOR_ADDRESS:$DIRECTOR_PORT $1" = "a 10.0.0.1:80 x;y"', "PROCOK", "", 0),
        ('test $(env | wc -l) -le 8 -a "$(cat)" = ""', "PROCOK", "", 0),
    ],
)
def test_a_program_says_how_the_host_is(tmp_path: Path, body: str, status: str, cause: str, code: int) -> None:
    outcome = Clinic().one(Check(type="script", command=script(tmp_path, body), args=("x;y",), timeout=5.0), *WHERE)
    assert (outcome.status, outcome.cause, outcome.code) == (status, cause, code)
    assert outcome.good is (status == "PROCOK")


def test_what_can_not_be_run_is_bad(tmp_path: Path) -> None:
    outcome = Clinic().one(Check(type="script", command=str(tmp_path / "none")), *WHERE)
    assert outcome.cause == f"can't run {tmp_path}/none: No such file or directory"


def test_at_its_timeout_it_is_killed_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    path = script(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child; wait")
    outcome = Clinic().one(Check(type="script", command=path, timeout=0.3), *WHERE)
    assert (outcome.status, outcome.cause) == ("PROCTOUT", "no end in 0.3 s")
    assert time.monotonic() - began < 5
    child = int((tmp_path / "child").read_text())
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_who_pauses_ends_it_with_its_children_and_leaves_nothing(tmp_path: Path) -> None:
    path, clinic = script(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child; wait"), Clinic()
    before = descriptors(sockets=False)
    clinic.check(Check(type="script", command=path, timeout=60.0), *WHERE)
    until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    clinic.prober.pause()
    child = int((tmp_path / "child").read_text())
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    until(lambda: descriptors(sockets=False) <= before)


def test_what_runs_is_written_down_so_long(tmp_path: Path) -> None:
    clinic = Clinic()
    clinic.check(Check(type="script", command=script(tmp_path, "cat < /dev/null; exec sleep 0.2")), *WHERE)
    until(lambda: Memory(clinic.memory).load())
    until(lambda: clinic.outcomes)
    assert Memory(clinic.memory).load() == {}


def test_what_it_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    path = script(tmp_path, f"sleep 60 & echo $! > {tmp_path}/child; exit 0")
    assert Clinic().one(Check(type="script", command=path, timeout=10.0), *WHERE).status == "PROCOK"
    child = int((tmp_path / "child").read_text())
    until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_who_prints_without_end_is_bad_before_its_time_is_up(tmp_path: Path) -> None:
    outcome = Clinic().one(Check(type="script", command=script(tmp_path, "exec yes"), timeout=60.0), *WHERE)
    assert (outcome.status, outcome.cause) == ("PROCERR", "it printed more than 16 MiB")


def test_what_director_lacks_is_not_the_hosts_fault(tmp_path: Path) -> None:
    path, clinic = script(tmp_path, "exit 0"), Clinic()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        clinic.check(Check(type="script", command=path), *WHERE, number=1)
        clinic.check(Check(), (2, ("127.0.0.1", 1)), number=2)
        until(lambda: len(clinic.outcomes) == 2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {outcome.status for _, outcome in clinic.outcomes} == {"SOCKERR"}
    assert all("Too many open files" in outcome.cause for _, outcome in clinic.outcomes)


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    path = script(tmp_path, "exit 1")
    clinic = Clinic()
    before = descriptors(sockets=False)
    for number in range(20):
        clinic.check(Check(type="script", command=path, timeout=5.0), *WHERE, number=number)
    until(lambda: len(clinic.outcomes) == 20)
    assert descriptors(sockets=False) <= before


def test_it_hears_signals_that_we_ignore(tmp_path: Path) -> None:
    path = script(tmp_path, "trap 'echo heard; exit 1' USR1; kill -USR1 $$; exit 0")
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        outcome = Clinic().one(Check(type="script", command=path, timeout=10.0), *WHERE)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (outcome.status, outcome.cause) == ("PROCERR", "heard")


def test_the_environment_is_what_is_documented() -> None:
    job = Job(1, ("web", "main", "a"), Check(type="script"), ((1, "/run/app.sock"),))
    assert tuple(environment(job)) == ENVIRONMENT
    assert (environment(job)["DIRECTOR_ADDRESS"], environment(job)["DIRECTOR_PORT"]) == ("/run/app.sock", "")
