"""`directord`: from the command line to running processes. The composition root.

The only module that imports all three rooms. Everything that a child will need
is imported by `roles`, before any fork, so that code on disk may change under a
running daemon; commands that only ask the daemon don't wait for it.
"""

from __future__ import annotations

import argparse
import gc
import os
import secrets
import sys
from collections.abc import Callable, Sequence

from control import upgrading
from control.client import Client
from control.commands.command import CommandError
from control.enclosures import hashed
from control.render import plain
from director import console, demo, logs, plugins
from director.config.model import Config
from director.errors import DirectorError, Exit, Severity, Status, SystemFailure, UnreachableError, cause
from director.master import adoption, checker, notify, stopping
from director.master import preflight as preflights
from director.master import start as starting
from director.master.family import Roles
from director.master.invocation import Invocation
from director.master.launcher import launch
from director.master.lock import Holder
from director.master.needs import Judge, Needs
from director.master.readiness import Readiness, daemonise
from director.master.system import System, start_ticks
from director.master.upgrade import UpgradeRefused
from director.places import Places, absolute, config_file, pid_file, run_dir, state_dir
from director.printable import counted
from director.version import VERSION

COMMANDS = {
    "start": "check the config, go to the background, return when every worker accepts",
    "stop": "end gracefully: connections may finish until stop-timeout",
    "reload": "apply what changed in the config file, without restarting anything",
    "upgrade": "replace every process by the code and config now on disk, without losing a connection",
    "restart": "stop, then start; the config is checked before anything stops",
    "try-restart": "restart if it runs",
    "force-reload": "the same as reload",
    "status": "one line a process; exit 0 running, 1 dead with pid file, 2 dead with orphans, 3 stopped",
    "check": "validate a config file: print every error and warning",
    "demo": "try it: three demo hosts behind one service, in the foreground",
}


# Of whoever names another config file than that of the daemon.
_OTHER_REMEDY = "leave out --config, or have the daemon run with that by `restart`"

# What a daemon that is upgraded calls.
_INTERNAL = ("preflight", "candidate")


class _Parser(argparse.ArgumentParser):
    """One whose help nobody needs to hear, as of Python 3.12."""

    def _print_message(self, message: str, file: object = None) -> None:
        (console.say if file is sys.stdout else console.complain)(message, end="")


def parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The command line; `words`: what stands there."""
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "-c", "--config", metavar="FILE", help="default: $DIRECTOR_CONFIG, else /etc/director/config.xml"
    )
    common.add_argument("--run-dir", metavar="DIR", help="for pid file, lock and control socket")
    common.add_argument("--state-dir", metavar="DIR", help="for what survives a reboot")
    common.add_argument("--pid-file", metavar="FILE", help="default: directord.pid in the run dir")
    common.add_argument("--log-level", choices=logs.LEVELS, help="overrules the config's")
    top = _Parser(prog="directord", description="director, a TCP load balancer: the daemon.", parents=[common])
    top.add_argument("--version", action="version", version=f"directord {VERSION}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, parents=[common])
        if name in ("start", "restart"):
            command.add_argument("--foreground", action="store_true", help="stay in the foreground, log to stderr")
        if name == "upgrade":
            command.add_argument("--no-wait", action="store_true", help="return once it has begun")
        if name == "check":
            command.add_argument("file", nargs="?", metavar="FILE", help="default: the config file")
    for name in set(_INTERNAL).intersection(words):  # nobody else is told that there are such
        commands.add_parser(name, parents=[common])
    return top


def _places(options: argparse.Namespace) -> Places:
    uid = os.geteuid()
    folder = run_dir(getattr(options, "run_dir", None), os.environ, uid)
    return Places(
        run_dir=folder,
        state_dir=state_dir(getattr(options, "state_dir", None), os.environ, uid),
        config=config_file(getattr(options, "config", None), os.environ),
        pid_file=pid_file(getattr(options, "pid_file", None), folder),
    )


def _say(text: str) -> None:
    console.say(f"directord: {text}")


def _complain(text: str) -> None:
    console.complain(f"directord: {text}")


def _show(command: str, result: object) -> None:
    console.say("\n".join(plain(command, result)))


def _other_config(options: argparse.Namespace, places: Places) -> str:
    """That the daemon runs by another config file than somebody named, in words; empty if it does not."""
    if not (getattr(options, "config", None) or os.environ.get("DIRECTOR_CONFIG")):
        return ""
    other = stopping.other_config(places)
    return f"the daemon runs with {other}, not with {places.config}" if other else ""


def _warn_of_other_config(options: argparse.Namespace, places: Places) -> None:
    if other := _other_config(options, places):
        _complain(f"warning: {other}; only `restart` changes that")


def roles() -> Roles:
    """What each kind of child runs, with all that it will need imported."""
    import control.hub
    import control.web.run
    import workers.run

    return Roles(hub=control.hub.main, worker=workers.run.main, web=control.web.run.main, judge=_judge())


def _judge() -> Judge:
    import control.web.trial

    return control.web.trial.faults


def _checked(path: str, places: Places, meanwhile: Callable[[], object] = lambda: None) -> tuple[Config, bytes] | None:
    """The config in a file, and its text, its problems printed; None if it can't be used here.

    The checker is a process of its own, beside which there is time for something else.
    """
    try:
        text = checker.read_file(path, patient=True)
    except SystemFailure as error:
        _complain(str(error))
        return None
    check = checker.begin(System(), text, path)
    meanwhile()
    result = checker.wait(check, Needs(places.run_dir, places.state_dir, _judge()))
    for problem in result.problems:
        console.complain(str(problem))
    if result.config is None:
        errors = sum(problem.severity is Severity.ERROR for problem in result.problems)
        _complain(f"{path} can't be used: {counted(errors, 'error')}")
        return None
    return result.config, text


def _search_beside(config: str) -> None:
    """Let modules beside the config be found: by the process that is to be the master, so by all its children."""
    plugins.search_beside(os.path.dirname(os.path.abspath(config)))


def _stay(places: Places, passed: Sequence[int]) -> Readiness | int:
    """Stay in the foreground: who watches our pid gets one that lasts, unless it is told of others."""
    return Readiness() if notify.from_environment().heard else launch(places.lock, passed)


def start(options: argparse.Namespace, places: Places) -> int:
    """`directord start`."""
    assert places.config is not None
    checked = _checked(places.config, places, meanwhile=roles)
    if checked is None:
        return Exit.BAD_CONFIG
    config, text = checked
    _warn_of_other_config(options, places)
    _search_beside(places.config)
    owner = os.getuid()
    invocation = Invocation.of_this_process()
    passed = adoption.passed(os.environ, os.getpid())
    readiness = _stay(places, passed) if options.foreground else daemonise(passed)
    if isinstance(readiness, int):
        return readiness
    level = getattr(options, "log_level", None)
    return starting.serve(
        starting.Start(config, readiness, options.foreground, roles(), owner, level, invocation, text, passed), places
    )


def stop(options: argparse.Namespace, places: Places) -> int:
    """`directord stop`."""
    _warn_of_other_config(options, places)
    return _stop(places)


def _stop(places: Places) -> int:
    remaining: int | None = None
    client = Client(places.control, timeout=1.0)

    def report() -> None:
        nonlocal remaining
        try:
            stats = client.call("stats", {})
        except DirectorError:
            return
        now = sum(one["open"] for one in (*stats["workers"], *stats["retiring"]))
        if now != remaining:
            remaining = now
            _say(f"{counted(now, 'connection')} still open")

    if stopping.stop(places, report) or _stop_by_socket(client, report):
        _say("stopped")
    else:
        _say("not running")
    return Exit.DONE


def _stop_by_socket(client: Client, report: Callable[[], None]) -> bool:
    """End a daemon whose lock file somebody has removed, by what it says of itself; False if none answers."""
    try:
        processes = client.call("status", {})["processes"]
    except DirectorError:
        return False
    pid = next(one["pid"] for one in processes if one["kind"] == "master")
    stopping.end(Holder(pid=pid, start=start_ticks(pid) or 0), report)
    return True


def reload(options: argparse.Namespace, places: Places) -> int:
    """`directord reload`."""
    if other := _other_config(options, places):
        raise SystemFailure(f"can't reload: {other}; {_OTHER_REMEDY}; nothing was changed")
    result = Client(places.control, timeout=60.0).call("reload", {})
    _show("reload", result)
    return Exit.DONE


def upgrade(options: argparse.Namespace, places: Places) -> int:
    """`directord upgrade`."""
    if other := _other_config(options, places):
        raise UpgradeRefused(f"can't upgrade: {other}; {_OTHER_REMEDY}; nothing was changed")
    for step, more in upgrading.follow(places.control):
        _show("upgrade", step)
        if options.no_wait and more:
            return Exit.DONE
    return Exit.DONE


def preflight(_options: argparse.Namespace, places: Places) -> int:
    """Called by a daemon in the interpreter that it may be replaced by."""
    return preflights.try_out(places, roles().judge)  # all can be imported, too


def candidate(_options: argparse.Namespace, places: Places) -> int:
    """Called by a daemon to be replaced."""
    assert places.config is not None
    _search_beside(places.config)
    return starting.succeed(roles(), places)


def status(options: argparse.Namespace, places: Places) -> int:
    """`directord status`."""
    _warn_of_other_config(options, places)
    try:
        _show("status", Client(places.control, timeout=5.0).call("status", {}))
    except UnreachableError:
        try:
            code, words = stopping.situation(places)
        except SystemFailure as error:
            _complain(str(error))
            return Status.UNKNOWN
        _say(words)
        return code
    except DirectorError as error:
        _complain(str(error))
        return Status.UNKNOWN
    return Status.RUNNING


def check(options: argparse.Namespace, places: Places) -> int:
    """`directord check`."""
    path = absolute(options.file) if options.file is not None else places.config
    assert path is not None
    if _checked(path, places) is None:
        return Exit.BAD_CONFIG
    _say(f"{path} is good")
    return Exit.DONE


def restart(options: argparse.Namespace, places: Places) -> int:
    """`directord restart`: a config that can't be used stops nothing."""
    assert places.config is not None
    if _checked(places.config, places) is None:
        return Exit.BAD_CONFIG
    _stop(places)
    return start(options, places)


def try_restart(options: argparse.Namespace, places: Places) -> int:
    """`directord try-restart`."""
    if stopping.situation(places)[0] is not Status.RUNNING:
        _say("not running")
        return Exit.DONE
    options.foreground = False
    return restart(options, places)


def run_demo(options: argparse.Namespace, places: Places) -> int:
    """`directord demo`."""
    ports, lifeline = demo.start_hosts()
    password = secrets.token_urlsafe(9)
    secret = hashed(password)
    port, admin_port = demo.choose_ports()  # others may take them until they are bound, so that comes next
    config = demo.config(ports, port, admin_port, secret)
    places = Places(places.run_dir, places.state_dir, None, places.pid_file)

    def greet() -> None:
        console.say(demo.what_to_try(port, admin_port, password, places.control))

    level = getattr(options, "log_level", None)
    begin = starting.Start(config, Readiness(), True, roles(), os.getuid(), level, when_ready=greet)
    try:
        return starting.serve(begin, places)
    finally:
        os.close(lifeline)


_RUN: dict[str, Callable[[argparse.Namespace, Places], int]] = {
    "start": start,
    "stop": stop,
    "reload": reload,
    "force-reload": reload,
    "upgrade": upgrade,
    "preflight": preflight,
    "candidate": candidate,
    "restart": restart,
    "try-restart": try_restart,
    "status": status,
    "check": check,
    "demo": run_demo,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    # Here and in all processes that come of it, thousands of hosts live for as long as they do, and looks at their
    # statistics come and go: passes of the collector over them would be up to half of all work, and stop everything.
    gc.set_threshold(50_000, 20, 50)
    console.prepare()
    words = sys.argv[1:] if argv is None else argv
    options = parser(words).parse_args(words)
    try:
        return _RUN[options.command](options, _places(options))
    except CommandError as error:
        if error.lines:  # problems of a config, each with its file and line: as they are
            console.complain(str(error))
        else:
            _complain(str(error))
        return error.exit
    except DirectorError as error:
        _complain(str(error))
        return error.exit
    except OSError as error:
        _complain(f"can't {options.command}: {cause(error)}")
        return Exit.NO_RIGHTS if isinstance(error, PermissionError) else Exit.FAILED
    except KeyboardInterrupt:
        return Exit.FAILED


if __name__ == "__main__":
    sys.exit(main())
