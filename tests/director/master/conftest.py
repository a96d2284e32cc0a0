"""A master without children, for tests of its own decisions."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from director.config.model import Config, Endpoint, Group, Host, Listen, Logging, Service
from director.master.child import Birth
from director.master.family import Family, Roles, make_supervisor
from director.master.lock import Lock
from director.master.logfiles import LogFiles, setup_of
from director.master.loop import Loop
from director.master.readiness import Readiness
from director.master.run import Master
from director.master.system import System
from director.messages import Running
from director.places import Places


def never(birth: Birth) -> int:
    raise AssertionError("nobody is born here")


@pytest.fixture
def master(tmp_path: Path) -> Master:
    hosts = tuple(Host(name=name, ip=Endpoint("127.0.0.1", 1), number=number) for name, number in (("a", 3), ("b", 4)))
    group = Group(name="main", hosts=hosts, number=2)
    listen = Listen(ip=Endpoint("127.0.0.1", 1))
    config = Config(services=(Service(name="web", listens=(listen,), groups=(group,), enabled="main", number=1),))
    system = System()
    roles = Roles(hub=never, worker=never, web=never, judge=lambda admin, files: ())
    lock = Lock(str(tmp_path / "lock"))
    assert lock.take()
    master = Master(
        system=system,
        places=Places(str(tmp_path), str(tmp_path), None, str(tmp_path / "pid")),
        readiness=Readiness(),
        roles=roles,
        loop=Loop(time.monotonic),
        lock=lock,
        loaded=config,
        running=Running(1, config),
    )
    master.family = Family(
        system=system,
        loop=master.loop,
        roles=roles,
        supervisor=make_supervisor(2, 15.0),
        directory=str(tmp_path),
        lock_path=lock.path,
        owner=os.getuid(),
        identity=None,
        control=-1,
        memory=-1,
        log_files=LogFiles(setup_of(Logging(), foreground=True)),
        addresses={},
        refs=master.seats.refs,
        on_born=master.born,
        on_report=master.heard,
        on_exit=master.exited,
    )
    return master
