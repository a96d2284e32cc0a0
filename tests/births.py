"""A hub or a worker in a fresh interpreter, with a test as its master.

Not forked from the test's own process: that one has run a gevent hub, and what
has must never fork; see `director.master.child`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from director.link import Link
from director.master.child import Birth
from director.messages import HUB_SLOT, Kind, Slot


def begin(
    kind: Kind, folder: Path, link: int, control: int = -1, memory: int = -1, ordinal: int = 1, standby: bool = False
) -> subprocess.Popen[bytes]:
    """Start it in `folder`; it gets these descriptors, the caller keeps its own."""
    words = [kind.value, str(folder), *map(str, (link, control, memory, ordinal, int(standby)))]
    fds = [fd for fd in (link, control, memory) if fd >= 0]
    code = "import sys; from tests.births import live; sys.exit(live(sys.argv[1:]))"
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root}
    return subprocess.Popen([sys.executable, "-c", code, *words], pass_fds=fds, env=environment, cwd=folder)


def live(words: list[str]) -> int:
    """In the fresh interpreter: be what the words say. Returns its exit status."""
    import socket

    import control.hub
    import workers.run

    kind, folder = Kind(words[0]), words[1]
    link, control_socket, memory, ordinal, standby = map(int, words[2:])
    birth = Birth(
        kind=kind,
        slot=HUB_SLOT if kind is Kind.HUB else Slot(0),
        incarnation=1,
        link=Link(socket.socket(fileno=link)),
        directory=folder,
        lock_path=f"{folder}/lock",
        owner=os.getuid(),
        control=control_socket,
        memory=memory,
        ordinal=ordinal,
        standby=bool(standby),
    )
    return control.hub.main(birth) if kind is Kind.HUB else workers.run.main(birth)
