"""Commands about the config: what runs, what the file says, what lies between, and what was changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from control.commands.command import (
    DRY_RUN,
    FORCE,
    Args,
    Argument,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Names,
    Option,
    Section,
)
from control.commands.ordering import asked, changed, ordered, planned
from control.commands.wording import whole
from director.access import Access
from director.printable import quoted

if TYPE_CHECKING:
    from director.config.model import Config
    from director.messages import Actor, Order

MAX_CONFIG = 16 * 1024 * 1024  # bytes
_ANEW = "the file could not be changed here and there: it is written anew as <director>, without its comments"


def config_running(hub: Hub, args: Args, actor: Actor) -> Document:
    """What runs, as a config.xml."""
    return {"text": _written(hub.running.config)}


def _running_veiled(hub: Hub, args: Args, actor: Actor) -> Document:
    from director.config.veil import veiled

    return {"text": _written(veiled(hub.running.config))}


def _written(config: Config) -> str:
    from control.turn import in_turns
    from director.config.writer import lines

    return "".join(f"{line}\n" for line in in_turns(lines(config)))


def config_file(hub: Hub, args: Args, actor: Actor) -> Document:
    """What the config file says at this moment."""
    from director.config.manuscript import in_utf8
    from director.messages import ShowConfig

    data = asked(hub, ShowConfig(), actor).data
    try:
        text = in_utf8(data["text"])
    except (LookupError, UnicodeError):
        text = data["text"]
    return {"name": data["name"], "text": text.decode(errors="replace")}


def _file_veiled(hub: Hub, args: Args, actor: Actor) -> Document:
    from director.config.veil import veiled_text

    document = config_file(hub, args, actor)
    return {**document, "text": veiled_text(document["text"])}


def config_diff(hub: Hub, args: Args, actor: Actor) -> Document:
    """What a reload, or config-apply of this file, would do, even what is done by force only."""
    document = planned(hub, ordered(hub, _order(hub, args), actor, force=True, dry_run=True))
    return {**document, "differs": bool(document["actions"])}


def config_apply(hub: Hub, args: Args, actor: Actor) -> Document:
    """All that differs, or nothing."""
    return changed(hub, _order(hub, args), actor, args)


def _order(hub: Hub, args: Args) -> Order:
    from director.messages import ApplyConfig, Reload

    plan = args.get("plan") or ""
    if args["file"] is None:
        return Reload(plan)
    if isinstance(args["file"], str):  # a line: there are no bytes with it
        raise CommandError(ErrorKind.USAGE, "can't open a file of yours: send its bytes, as directorctl does")
    name, text = args["file"]
    return ApplyConfig(text, name, plan, hub.open_connections(), hub.out())


def config_save(hub: Hub, args: Args, actor: Actor) -> Document:
    """What runs, in the words of the file; put there, or given to whoever asks."""
    from control.turn import elsewhere
    from director.messages import SaveConfig, ShowConfig

    data = asked(hub, ShowConfig(), actor).data
    shown = args["print"] or args["file"]
    # Relative paths stay what they are where they mean the same.
    folder = os.path.dirname(args["file"] or data["name"])
    text, kept = elsewhere(_rewritten, data, hub.running.config, folder, bool(shown or args["force"]))
    warnings = [] if kept else [_ANEW]
    if shown and args["dry-run"]:
        lines = [f"write what runs to {args['file']}" if args["file"] else "print what runs"]
        return {"lines": lines, "kept": kept, "warnings": warnings, "dry_run": True}
    if shown:
        return {"text": text.decode(errors="replace"), "kept": kept, "warnings": warnings}
    document = ordered(hub, SaveConfig(text, data["digest"]), actor, dry_run=args["dry-run"])
    return {**document, "kept": kept, "warnings": [*document["warnings"], *warnings]}


def _rewritten(file: Document, running: Config, folder: str, anyway: bool) -> tuple[bytes, bool]:
    """The text to save, and whether it keeps what was there; takes long for many hosts. Raises CommandError."""
    from director.config.scribe import rewrite

    return rewrite(_base(file, running, anyway), file["name"], running, folder)


def _base(file: Document, running: Config, anyway: bool) -> bytes:
    """The text to put what runs into. Raises CommandError if it says what was never loaded, unless `anyway`."""
    from director.config.reader import read

    name: str = file["name"]
    text: bytes = file["text"]
    loaded: bytes = file["loaded"]
    if text == loaded:
        return text
    now, before = (read(one, name, os.path.dirname(name))[0] for one in (text, loaded))
    if not anyway and now not in (before, running):  # comments alone are kept
        edits, remedy = "edits that are not loaded", "see config-diff, and reload first"
        if now is None:
            edits, remedy = "mistakes", "mend them, `directord check` lists them"
        raise CommandError(
            ErrorKind.REFUSED,
            f"can't save the config: {name} has {edits}; {remedy}, or overwrite it by --force, which leaves a backup",
        )
    return loaded if now is None else text


def config_discard(hub: Hub, args: Args, actor: Actor) -> Document:
    """What the file said when it was loaded runs again; host-down is taken back, too."""
    from director.messages import Discard

    return changed(hub, Discard(hub.open_connections(), hub.out()), actor, args)


def journal(hub: Hub, args: Args, actor: Actor) -> Document:
    """Changes, the oldest first."""
    from director.messages import ShowJournal

    return {"changes": asked(hub, ShowJournal(), actor).data["changes"]}


def undo(hub: Hub, args: Args, actor: Actor) -> Document:
    """One change is taken back, if nothing later depends on it."""
    from director.messages import Undo

    number = whole(f"can't undo {quoted(args['number'])}", args["number"], "give a number that journal shows")
    return changed(hub, Undo(number, hub.open_connections(), hub.out()), actor, args)


def file_argument(carries: bool) -> Argument:
    """A file of the client's: read by it, or written."""
    return Argument("file", "FILE", Names.FILE, required=False, carries=carries)


_PLAN: dict[str, Any] = {"max_request": MAX_CONFIG, "patience": 60.0}

ROWS: tuple[Command, ...] = (
    Command("config-running", Section.CONFIG, "what runs, as a config.xml", config_running, veiled=_running_veiled),
    Command("config-file", Section.CONFIG, "what the config file says now", config_file, veiled=_file_veiled),
    Command(
        "config-diff",
        Section.CONFIG,
        "what reload would do, or config-apply of FILE, and what it costs",
        config_diff,
        (file_argument(carries=True),),
        (Option("exit-code", "exit with 1 if there is anything to do"),),
        **_PLAN,
    ),
    Command(
        "config-apply",
        Section.CONFIG,
        "do what differs in FILE, all or nothing; without one, what differs in the config file",
        config_apply,
        (file_argument(carries=True),),
        (Option("plan", "only if it is still this plan of config-diff", metavar="ID"), FORCE, DRY_RUN),
        Access.FULL,
        **_PLAN,
    ),
    Command(
        "config-save",
        Section.CONFIG,
        "write what runs into the config file, or into FILE here, with the comments that are there",
        config_save,
        (file_argument(carries=False),),
        (
            Option("print", "print it instead"),
            Option("force", "overwrite what was edited there and not loaded"),
            DRY_RUN,
        ),
        Access.FULL,
        patience=60.0,
    ),
    Command(
        "config-discard",
        Section.CONFIG,
        "drop all run-time changes: run what the file said when it was loaded",
        config_discard,
        (),
        (FORCE, DRY_RUN),
        Access.FULL,
    ),
    Command("journal", Section.CONFIG, "the changes that operators made, with their numbers", journal),
    Command(
        "undo",
        Section.CONFIG,
        "take back one change of the journal",
        undo,
        (Argument("number", "N", Names.VALUE),),
        (FORCE, DRY_RUN),
        Access.FULL,
    ),
)
