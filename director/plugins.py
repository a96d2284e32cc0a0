"""Finding the classes that users' own schedulers are.

`python:package.module:Class` is imported as any module is, from where Python
looks and last from the folder of the config file; `python:NAME` is an
installed entry point of the group `director.schedulers`. Importing runs their
code: only in children that have given up their rights.
"""

from __future__ import annotations

import inspect
import os
import pwd
import signal
import sys
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from director.config.model import OWN_SCHEDULER
from director.printable import clean
from director.scheduling.own import told
from director.scheduling.policies import SchedulerFault

ENTRY_POINTS = "director.schedulers"


def search_beside(folder: str) -> None:
    """Let modules be found in this folder, if they are nowhere else."""
    if folder not in sys.path:
        sys.path.append(folder)


def end_forks() -> None:
    """Have whatever their code forks end at once: a copy of a worker would go on as one, and keep its listeners.

    For the rest of this process's life. Other programs may be started still.
    """
    os.register_at_fork(after_in_child=partial(os._exit, 1))


def installed() -> dict[str, str]:
    """{name of a scheduler: what to load for it}, of all entry points; each under both names it may have."""
    found = {}
    for point in entry_points(group=ENTRY_POINTS):
        found[f"{OWN_SCHEDULER}{point.name}"] = found[f"{OWN_SCHEDULER}{point.value}"] = point.value
    return found


def load(scheduler: str) -> Any:
    """The class of a scheduler `python:...`. Raises SchedulerFault."""
    place = scheduler.removeprefix(OWN_SCHEDULER)
    if ":" not in place:
        place = _of_entry_point(place).value
    module, _, name = place.partition(":")
    try:
        found = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise SchedulerFault(f"can't import {module}: {told(error)}") from None
        why = _unreadable(module) or "install it, or put it beside the config file"
        raise SchedulerFault(f"can't import {module}: there is no module {error.name!r}; {why}") from None
    except BaseException as error:  # their code may even call exit()
        raise SchedulerFault(f"can't import {module}: {told(error)}") from None
    if found is None:
        # Of a package that can't be read Python makes an empty one.
        why = f"; {closed}" if (closed := _unreadable(module)) else ""
        raise SchedulerFault(f"can't find {name!r} in module {module}{_file_of(module)}{why}")
    if not callable(getattr(found, "choose", None)):
        raise SchedulerFault(f"can't use {place}: it has no method choose(self, hosts, request)")
    if not isinstance(found, type):
        raise SchedulerFault(f"can't use {place}: it is no class")
    return found


def _file_of(module: str) -> str:
    """Where the module is, in parentheses: one of Python's own of that name is found before theirs."""
    file = getattr(sys.modules[module], "__file__", None)
    return f" ({clean(file)})" if file else ""


def _unreadable(module: str) -> str:
    """Where the module may lie all the same, as this user can't look there; empty if there is no such folder."""
    package = sys.modules.get(module.partition(".")[0])
    closed = [folder for folder in (*sys.path, *getattr(package, "__path__", ())) if _is_closed(folder)]
    return f"{_who()} can't read {' and '.join(closed)}, where it may be; let others read it" if closed else ""


def _is_closed(folder: str) -> bool:
    try:
        os.stat(folder)
    except OSError as error:
        return isinstance(error, PermissionError)
    return not os.access(folder, os.R_OK | os.X_OK, effective_ids=True)


def _who() -> str:
    try:
        return f"user {pwd.getpwuid(os.geteuid()).pw_name!r}"
    except KeyError:
        return f"uid {os.geteuid()}"


def _of_entry_point(name: str) -> EntryPoint:
    for point in entry_points(group=ENTRY_POINTS, name=name):
        return point
    raise SchedulerFault(
        f"can't find {name!r} among the installed entry points {ENTRY_POINTS};"
        f" to name a class, write {OWN_SCHEDULER}package.module:Class"
    )


class _Overtime(BaseException):
    """No Exception, so that no `except Exception` keeps it."""


def trial(scheduler: str, limit: float) -> str:
    """Why a scheduler of the user's own can't be used; empty if it can, as far as loading it shows.

    It may take `limit` seconds for that. Takes the process's interval timer.
    """
    rang = False

    def ring(_number: int, _frame: Any) -> None:
        nonlocal rang
        rang = True
        raise _Overtime

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit)
        fault = _tried(scheduler)
    except _Overtime:
        fault = ""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    if rang:
        return (
            f"it takes longer than {limit:g} s to load, and all connections of a worker wait meanwhile;"
            " do what takes long in a thread"
        )
    return fault


def _tried(scheduler: str) -> str:
    try:
        made = load(scheduler)
        try:
            chooser = made()
        except BaseException as error:
            raise SchedulerFault(f"can't make a {made.__name__}: {told(error)}") from None
        try:
            wrong = _misfit(chooser.choose)
        except BaseException as error:  # a look at it may run their code, too
            wrong = told(error)
        if wrong:
            raise SchedulerFault(f"can't use {made.__name__}: {wrong}; write def choose(self, hosts, request)")
    except SchedulerFault as fault:
        return str(fault)
    return ""


def _misfit(choose: Any) -> str:
    """Why this can't be called for a host; empty if it can, or if that can't be told."""
    if inspect.iscoroutinefunction(choose) or inspect.isasyncgenfunction(choose):
        return "its choose is async, and nobody awaits it"
    if inspect.isgeneratorfunction(choose):
        return "its choose yields, and must return a host"
    try:
        signature = inspect.signature(choose)
    except ValueError:  # written in C, perhaps
        return ""
    try:
        signature.bind((), None)
    except TypeError as error:
        return f"its choose can't be called with hosts and a request: {error}"
    return ""
