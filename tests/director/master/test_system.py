"""Identities, limits and what the kernel says of processes."""

from __future__ import annotations

import grp
import os
import pwd
import resource
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from director.errors import SystemFailure
from director.master import system
from tests.waiting import wait_until


def test_a_process_has_a_start_and_a_state_until_it_is_reaped() -> None:
    assert system.start_ticks(os.getpid())
    assert system.process_state(os.getpid()) == "R"
    pid = os.fork()
    if not pid:
        os._exit(0)
    while system.process_state(pid) != "Z":
        pass
    os.waitpid(pid, 0)
    assert system.process_state(pid) == ""
    assert system.start_ticks(pid) is None


def test_the_kernel_tells_how_long_a_process_has_run_and_waited() -> None:
    before = system.vitals(os.getpid())
    wait_until(lambda: system.vitals(os.getpid()).ran > before.ran + 0.02)
    after = system.vitals(os.getpid())
    assert after.letter == "R" and after.waited >= before.waited
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    assert system.vitals(pid).dead


def test_an_unknown_account_is_an_error_that_names_it() -> None:
    if os.geteuid() == 0:
        with pytest.raises(SystemFailure, match="no-such-user"):
            system.child_identity("no-such-user", None)
        with pytest.raises(SystemFailure, match="no-such-group"):
            system.child_identity("nobody", "no-such-group")
        assert system.child_identity("root", None) is None
        identity = system.child_identity(None, None)
        assert identity is not None and identity.uid != 0
    else:
        assert system.child_identity("no-such-user", None) is None


@pytest.mark.parametrize(
    ("of", "word"), [(system.uid_of, pwd.getpwuid(0).pw_name), (system.gid_of, grp.getgrgid(0).gr_name)]
)
def test_accounts_go_by_name_or_number(of: Callable[[str], int | None], word: str) -> None:
    assert of(word) == 0
    assert of("54321") == 54321  # needs no name
    assert of("no-such-name") is None
    assert of(str(2**32 - 1)) is None  # chown would leave all as it is
    assert of("9" * 5000) is None


def test_there_is_at_least_one_processor() -> None:
    assert 1 <= system.processors() <= (os.cpu_count() or 1)


def test_the_descriptor_limit_is_raised_to_the_hard_one() -> None:
    system.raise_descriptor_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard


def test_the_time_a_process_began_is_known() -> None:
    ticks = system.start_ticks(os.getpid())
    assert ticks is not None
    age = time.time() - psutil.Process().create_time()
    assert abs(time.monotonic() - system.started_at(ticks) - age) < 2


def test_wait_statuses_are_put_in_words() -> None:
    assert system.describe_status(0) == "exit 0"
    assert system.describe_status(3 << 8) == "exit 3"
    assert "SIGKILL (out of memory?)" in system.describe_status(signal.SIGKILL)
    assert system.describe_status(signal.SIGSEGV) == "killed by SIGSEGV"
