"""What one master leaves to the next: a message in a memory file, and the descriptors it names.

Everything is there before the new program begins: from that moment on the old
master may die at any time, and nothing is lost. Counterparts: `upgrade`, which
gives, and `candidate`, which takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from director.errors import SystemFailure
from director.framing import decode, encode_body
from director.messages import Handover

VARIABLE = "DIRECTOR_HANDOVER"  # names the memory file's descriptor


def write(handover: Handover) -> int:
    """A descriptor to give along. The caller closes it. Raises OSError."""
    view = memoryview(encode_body(handover))
    fd = os.memfd_create("director-handover")
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.close(fd)
        raise
    return fd


def take(environ: dict[str, str] | os._Environ[str]) -> Handover:
    """What was left to this process, its descriptors no longer inheritable. Raises SystemFailure."""
    try:
        fd = int(environ.pop(VARIABLE, ""))
        data = os.pread(fd, os.fstat(fd).st_size, 0)
        os.close(fd)
    except (ValueError, OSError):
        raise SystemFailure("can't take over: no daemon has called this process to replace it") from None
    handover = decode(data)
    if not isinstance(handover, Handover):
        raise SystemFailure("can't take over: what the old daemon left is no handover")
    for fd in descriptors(handover):
        os.set_inheritable(fd, False)
    return handover


def descriptors(handover: Handover) -> Iterator[int]:
    """Every descriptor that it names."""
    yield from (handover.lock, handover.control, handover.left, handover.memory, handover.elder.link)
    yield from handover.controls.values()
    yield from (elder.link for elder in handover.retirees)
    if handover.pledge >= 0:
        yield handover.pledge
    for address in handover.listeners:
        yield from address.fds
