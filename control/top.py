"""`directorctl top`: a live view of a director in the whole terminal, and a few keys.

What is shown is `control.topview`'s; here are the terminal, the clock and the
daemon. The terminal is given back as it was, however this ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from types import FrameType

from rich.console import Console, ConsoleDimensions
from rich.live import Live
from rich.text import Text

from control.client import Client
from control.commands.command import CommandError, ErrorKind
from control.topview import Ask, Top
from director import console
from director.errors import DirectorError

_PAUSE = 1.0  # seconds between two looks
_KEYS = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down", "\x1b[5~": "pageup", "\x1b[6~": "pagedown",
    "\x1b[H": "home", "\x1b[F": "end", "\x1b[1~": "home", "\x1b[4~": "end", "\r": "enter", "\n": "enter",
    "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape", "\t": "tab",
}  # fmt: skip


def keys(text: str) -> list[str]:
    """What was pressed, from what the terminal sent."""
    found: list[str] = []
    while text:
        sequence = next((one for one in sorted(_KEYS, key=len, reverse=True) if text.startswith(one)), text[0])
        found.append(_KEYS.get(sequence, sequence))
        text = text[len(sequence) :]
    return found


def run(path: str) -> None:
    """Show the director at this socket until `q` or Ctrl-C. Raises DirectorError."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError(ErrorKind.USAGE, "can't show top: this is no terminal; stats --watch needs none")
    if not console.paintable():
        kind = os.environ["TERM"]
        raise CommandError(ErrorKind.USAGE, f"can't show top: no cursor to move with TERM={kind}; try stats --watch")
    client, top = Client(path), Top()
    top.look(client.call("stats"))
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # it would leave the terminal in our state
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    try:
        tty.setcbreak(stdin)
        page = Console(highlight=False, no_color=bool(os.environ.get("NO_COLOR")))
        if 0 in os.get_terminal_size(sys.stdout.fileno()):  # a serial line does not tell how large it is
            page.size = ConsoleDimensions(80, 24)
        with Live(console=page, screen=True, auto_refresh=False) as live:
            _loop(top, client, live, stdin)
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
        client.close()


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _loop(top: Top, client: Client, live: Live, stdin: int) -> None:
    due = time.monotonic() + _PAUSE
    while True:
        _paint(top, live)
        ready, _, _ = select.select([stdin], [], [], max(0.0, due - time.monotonic()))
        if ready:
            data = os.read(stdin, 256)
            for key in keys(data.decode(errors="replace")):
                if key == "q" and top.leaves:
                    return
                if asked := top.press(key):
                    top.message = _do(asked, client)
            if not data:
                return  # the terminal is gone
        if time.monotonic() >= due:
            due = time.monotonic() + _PAUSE
            try:
                top.look(client.call("stats"))
                if top.message.startswith("can't reach"):
                    top.message = ""
            except DirectorError as error:
                top.message = str(error)  # it may be back with the next look
                client.close()


def _do(asked: Ask, client: Client) -> str:
    row = asked.row
    try:
        result = client.call(asked.command, {key: row[key] for key in ("service", "group", "host")})
    except DirectorError as error:
        return str(error).splitlines()[-1]
    return str(result["lines"][0])


def _paint(top: Top, live: Live) -> None:
    width, height = os.get_terminal_size(sys.stdout.fileno())
    if not (width and height):
        width, height = live.console.size
    picture = Text(no_wrap=True, overflow="crop", end="")
    for number, line in enumerate(top.frame(width, height)):
        if number:
            picture.append("\n")
        for text, style in line:
            picture.append(text, style or None)
    live.update(picture, refresh=True)
