"""`directorctl`: words in, a daemon's answer out, and an exit status that scripts can rely on.

    0   done, also when it was so already
    1   refused, failed, a service, group or host that is not there, or a value that is not right
    2   a command, option or number of arguments that is not there, or a word that is not on a short list
    7   no daemon answers

Everything about single commands comes from `control.commands`; here are only
the options that all share. Modules are imported when they are needed: most
calls need neither rich nor json.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from control.arguments import parse
from control.client import Client
from control.commands.command import JSON, Command, CommandError, ErrorKind, Option, Section, find, unknown
from control.commands.table import COMMANDS, help_
from control.enclosures import asked_password, enclosed, hashed, received
from director import console
from director.errors import DirectorError, Exit
from director.places import control_socket, run_dir
from director.printable import quoted
from director.version import VERSION

SOCKET = Option("socket", "the daemon's control socket (or $DIRECTOR_SOCKET)", metavar="PATH", letter="s")
RUN_DIR = Option("run-dir", "the daemon's run dir, in which its control socket is", metavar="DIR")
HELP = Option("help", "this, or a command in detail", letter="h")
ABOUT = Option("version", "the version of this program; the daemon's, too: the command `version`")
WATCH = Option("watch", "again and again, for commands that look")
EVERY = Option("every", "seconds between two looks with --watch (2)", metavar="SECONDS")
COMMON = (SOCKET, RUN_DIR, JSON, HELP, ABOUT, WATCH, EVERY)

_PATIENCE = 2.0  # seconds to wait for an answer that we can do without
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
_CLEAR = "\x1b[H\x1b[2J"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `directorctl`; returns its exit status. Never raises."""
    console.prepare()
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        console.forget(1)  # whoever read has seen enough
        return Exit.DONE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except DirectorError as error:
        return _complain(error)
    except OSError as error:
        console.forget(1)
        _say(f"directorctl: can't write the result: {error.strerror}")
        return Exit.FAILED
    except Exception as error:
        # The outermost frame: users get a sentence, whatever we did wrong.
        _say(f"directorctl: an internal error: {error!r}")
        return Exit.FAILED
    finally:
        gc.enable()


def _complain(error: DirectorError) -> int:
    lines = error.lines if isinstance(error, CommandError) else ()
    _say(*lines, f"directorctl: {error.message if isinstance(error, CommandError) else error}")
    # Scripts know 0, 1, 2 and 7 of us; that a config was bad is one way to fail.
    return error.exit if error.exit in (Exit.USAGE, Exit.NOT_RUNNING) else Exit.FAILED


def _say(*lines: str) -> None:
    for line in lines:
        console.complain(line)


def _run(words: list[str]) -> int:
    leading, name, rest = _command_word(words)
    if not set(ABOUT.spellings).isdisjoint([*leading, *rest]):
        console.say(f"directorctl {VERSION}")
        return Exit.DONE
    try:
        row = find(name or "help", COMMANDS)
    except CommandError:
        _check_options(leading)  # an unknown one may have had the word for its value
        raise
    if not set(HELP.spellings).isdisjoint([*leading, *rest]):
        # Whatever else is said: it may be just what one needs help with.
        row, leading, rest = find("help", COMMANDS), [], [row.name] if name else []
    args = parse(row, [*leading, *rest], COMMON)
    common = {option.name: args.pop(option.name) for option in COMMON}
    if common["watch"]:
        return _watch(row, args, common)
    if not (row.streams or row.name == "top"):
        gc.disable()  # it is over before there is any: looking for it is a third of the work on a long list
    result = _print(row, args, common)
    if row.name == "host-retry" and not result["good"]:
        raise CommandError(ErrorKind.FAILED, f"can't bring {args['host']} back: {result['cause']}")
    differs = row.name == "config-diff" and args["exit-code"] and result["differs"]
    return Exit.FAILED if differs else Exit.DONE


def _command_word(words: list[str]) -> tuple[list[str], str, list[str]]:
    """The options before the command, the command (empty if there is none), what stands behind it."""
    valued = {spelling for option in COMMON if not option.flag for spelling in option.spellings}
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in valued else 1
    return words[:at], "".join(words[at : at + 1]), words[at + 1 :]


def _check_options(words: list[str]) -> None:
    known = [spelling for option in COMMON for spelling in option.spellings]
    for word in words:
        if word.startswith("-") and (spelling := word.partition("=")[0]) not in known:
            raise CommandError(ErrorKind.USAGE, unknown("option", spelling, known))


def _watch(row: Command, args: dict[str, Any], common: dict[str, Any]) -> int:
    if row.section is not Section.LOOK or row.name == "help":
        raise CommandError(ErrorKind.USAGE, f"can't watch {row.name}: it is not for looking")
    try:
        seconds = min(max(0.1, float(common["every"] or 2)), 86400.0)
    except ValueError:
        raise CommandError(ErrorKind.REFUSED, f'can\'t watch every "{common["every"]}" seconds: no number') from None
    while True:
        if console.paintable() and not common["json"]:
            sys.stdout.write(_CLEAR)
        _print(row, args, common)
        sys.stdout.flush()
        console.wait(seconds)


def _print(row: Command, args: dict[str, Any], common: dict[str, Any]) -> Any:
    as_json = common["json"] or args.get("format") == "json"

    def show(result: Any) -> None:
        lines = _document(result) if as_json else _text(row, result, args.get("format"))
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()

    result: Any
    if row.name == "help":
        result = help_(None, args, None)
    elif row.name == "completion":
        result = {"lines": _completion(args["shell"])}
    elif row.name == "top":
        from control import top  # needs rich

        top.run(_socket(common))
        return {}
    elif row.name == "password-hash":
        result = {"text": hashed(asked_password())}
    elif row.name == "version":
        result = _versions(common)
    elif row.name == "upgrade":
        result = _upgraded(common, lambda step: None) if as_json else _upgraded(common, show)
    else:
        given = enclosed(row, {key: value for key, value in args.items() if value not in (None, False)})
        if given.get("wait"):
            result = _waited(row, given, common, None if as_json else show)
            show(result)
            return result
        if row.streams and given.get("follow"):
            from control.following import Follower

            Follower(_socket(common), row, show, given.get("count") == "0").run(given)
            return {}
        with Client(_socket(common), row.patience) as client:
            if row.bulky and as_json and not sys.stdout.isatty():
                sys.stdout.writelines(client.texts(row.name, given))
                return {}
            result = client.call(row.name, given, progress=(lambda step: None) if as_json else show)
        result = received(row, args, result)
    show(result)
    if row.name == "help" and args["command"] is None and not as_json:
        sys.stdout.writelines(f"{line}\n" for line in _common_help())
    if isinstance(result, dict):
        _say(*(f"directorctl: warning: {warning}" for warning in result.get("warnings", ())))
    return result


def _completion(shell: str) -> list[str]:
    from control.completion import SHELLS

    if shell not in SHELLS:
        raise CommandError(ErrorKind.USAGE, f"can't complete in {quoted(shell)}: there is {' and '.join(SHELLS)}")
    return list(SHELLS[shell](COMMANDS, COMMON))


def _waited(row: Command, given: dict[str, Any], common: dict[str, Any], show: Callable[[Any], None] | None) -> Any:
    """The result of a command that waits for its drain's end; on a terminal with a bar meanwhile."""
    from control.waiting import Bar, Wait

    if show is None or not console.paintable():
        return Wait(_socket(common), row, show).run(given)
    bar = Bar()
    try:
        return Wait(_socket(common), row, bar.show).run(given)
    finally:
        bar.close()


def _upgraded(common: dict[str, Any], show: Callable[[Any], None]) -> Any:
    """The result of an upgrade, whoever is the daemon then; its stages are shown as they come."""
    from control import upgrading

    result = None
    for result, more in upgrading.follow(_socket(common)):
        if more:
            show(result)
    return result


def _socket(common: dict[str, Any]) -> str:
    if given := common["socket"]:
        return str(given)
    if common["run-dir"] is None and (path := os.environ.get("DIRECTOR_SOCKET")):
        return path
    return control_socket(run_dir(common["run-dir"], os.environ, os.getuid()))


def _versions(common: dict[str, Any]) -> dict[str, Any]:
    """Ours is an answer, too; why the daemon's is not there stands beside it."""
    try:
        with Client(_socket(common), _PATIENCE) as client:
            return {"client": VERSION, "daemon": client.call("version")["daemon"]}
    except DirectorError as error:
        return {"client": VERSION, "daemon": None, "warnings": [str(error)]}


def _document(result: Any) -> Iterable[str]:
    import json

    from control.jsontext import dumps

    # Without an indent, json is written by C: 30 times as fast, and programs don't mind.
    yield json.dumps(result, indent=2) if sys.stdout.isatty() else dumps(result)


def _text(row: Command, result: Any, form: str | None) -> Iterable[str]:
    from control import render

    # What the terminal can't show, rather than a UnicodeEncodeError.
    encoding = sys.stdout.encoding or "utf-8"
    if form in render.FORMATS:
        lines = iter(render.FORMATS[form](result))
    elif console.paintable():
        width, coloured = os.get_terminal_size().columns or 80, not os.environ.get("NO_COLOR")
        lines = render.fitted(row.name, result, width, coloured)
    else:
        lines = render.plain(row.name, result)
    return (line.encode(encoding, errors="backslashreplace").decode(encoding) for line in lines)


def _common_help() -> Iterable[str]:
    yield ""
    yield "options of every command:"
    for option in COMMON:
        spelled = f"-{option.letter}, {option.usage}" if option.letter else option.usage
        yield f"  {spelled:<20}  {option.help}"
