"""Finding users' own schedulers, and what is said of those that are no good."""

from __future__ import annotations

import importlib
import os
import pwd
import queue
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from director import plugins
from director.scheduling.policies import SchedulerFault

CLASS = "class Fewest:\n    def choose(self, hosts, request):\n        return hosts[0]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where modules are found; what was imported from there is forgotten after."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    plugins.search_beside(str(tmp_path))
    plugins.search_beside(str(tmp_path))
    assert sys.path.count(str(tmp_path)) == 1
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    importlib.invalidate_caches()


def test_a_class_beside_the_config_file_is_found(folder: Path) -> None:
    write(folder, "own_good.py", CLASS)
    assert plugins.load("python:own_good:Fewest").__name__ == "Fewest"
    assert plugins.trial("python:own_good:Fewest", 10.0) == ""


BAD = {
    "no module": ("", "python:own_none:C", "can't import own_none: there is no module 'own_none'; install it"),
    "a module it needs is missing": ("import own_nowhere", "python:own_bad:C", "own_bad.py:1: ModuleNotFoundError"),
    "no such class": ("x = 1", "python:own_bad:C", "can't find 'C' in module own_bad"),
    "no class": ("def C(): pass\nC.choose = C", "python:own_bad:C", "it is no class"),
    "no method": ("class C: pass", "python:own_bad:C", "it has no method choose(self, hosts, request)"),
    "it raises": ("\n1 / 0", "python:own_bad:C", "can't import own_bad: own_bad.py:2: ZeroDivisionError"),
    "it exits": ("exit(3)", "python:own_bad:C", "SystemExit"),
    "a slip of the pen": ("class C\n", "python:own_bad:C", "own_bad.py:1: "),
    "it can't be made": (
        "class C:\n  def __init__(self, x): pass\n  def choose(self, h, r): pass",
        "python:own_bad:C",
        "can't make a C: TypeError",
    ),
    "its choose has no self": (
        "class C:\n  def choose(hosts, request): pass",
        "python:own_bad:C",
        "its choose can't be called with hosts and a request: too many positional arguments; write def choose(self,",
    ),
    "its choose wants more": (
        "class C:\n  def choose(self, h, r, more): pass",
        "python:own_bad:C",
        "can't be called with hosts and a request: missing a required argument: 'more'",
    ),
    "its choose is async": (
        "class C:\n  async def choose(self, h, r): pass",
        "python:own_bad:C",
        "its choose is async, and nobody awaits it",
    ),
    "its choose yields": (
        "class C:\n  def choose(self, h, r): yield",
        "python:own_bad:C",
        "its choose yields, and must return a host",
    ),
    "its choose has no face": (
        "class Odd:\n  def __call__(self, h, r): pass\n  @property\n  def __signature__(self): 1 / 0\n"
        "class C:\n  choose = Odd()",
        "python:own_bad:C",
        "ZeroDivisionError",
    ),
    "its name is one of Python's own": ("", "python:queue:C", f"can't find 'C' in module queue ({queue.__file__})"),
    "no entry point": ("", "python:own_none", "can't find 'own_none' among the installed entry points"),
}


@pytest.mark.parametrize(("text", "scheduler", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_no_good_is_told_in_one_line(folder: Path, text: str, scheduler: str, words: str) -> None:
    write(folder, "own_bad.py", text)
    fault = plugins.trial(scheduler, 10.0)
    assert words in fault
    assert "\n" not in fault and "Traceback" not in fault


@pytest.mark.parametrize(("name", "closed"), [("own_closed.py", ""), ("own_shut/__init__.py", "own_shut")])
def test_a_folder_that_cannot_be_read_is_named_with_who_cannot(folder: Path, name: str, closed: str) -> None:
    us = os.geteuid()
    reader = us or pwd.getpwnam("nobody").pw_uid  # to root nothing is closed
    with TemporaryDirectory() as made:  # pytest's own are for nobody else
        os.chmod(made, 0o755)
        plugins.search_beside(made)
        write(Path(made), name, CLASS)
        shut = Path(made, closed)
        shut.chmod(0)
        os.seteuid(reader)
        try:
            fault = plugins.trial(f"python:{Path(name.removesuffix('/__init__.py')).stem}:Fewest", 10.0)
        finally:
            os.seteuid(us)
            shut.chmod(0o700)
    assert f"; user '{pwd.getpwuid(reader).pw_name}' can't read " in fault
    assert f"{shut}, where it may be; let others read it" in fault


FINE = {
    "static": "class C:\n  @staticmethod\n  def choose(hosts, request): pass",
    "of any arguments": "class C:\n  def choose(self, *args, **kwargs): pass",
    "with more that has defaults": "class C:\n  def choose(self, hosts, request, more=1): pass",
    "written in C": "class C:\n  choose = min",
}


@pytest.mark.parametrize("text", FINE.values(), ids=FINE.keys())
def test_whatever_can_be_called_with_hosts_and_a_request_is_good(folder: Path, text: str) -> None:
    write(folder, "own_fine.py", text)
    assert plugins.trial("python:own_fine:C", 10.0) == ""


SLOW = {
    "imported": "while True: pass",
    "imported, whatever may come": "try:\n  while True: pass\nexcept BaseException: pass\n" + CLASS,
    "made": CLASS + "    def __init__(self):\n        while True: pass\n",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_what_takes_long_to_load_is_refused(folder: Path, text: str) -> None:
    write(folder, "own_slow.py", text)
    assert "it takes longer than 0.05 s to load" in plugins.trial("python:own_slow:Fewest", 0.05)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_entry_point_is_found_by_its_name_and_by_its_class(folder: Path) -> None:
    write(folder, "own_installed.py", CLASS)
    write(folder, "own-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    write(folder, "own-1.0.dist-info/entry_points.txt", "[director.schedulers]\nfewest = own_installed:Fewest\n")
    assert plugins.installed() == {
        "python:fewest": "own_installed:Fewest",
        "python:own_installed:Fewest": "own_installed:Fewest",
    }
    assert plugins.trial("python:fewest", 10.0) == ""
    with pytest.raises(SchedulerFault):
        plugins.load("python:fowest")
