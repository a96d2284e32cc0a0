"""wrk, a well-known generator of HTTP requests: what it says it did.

It counts from its start to its end, so a window of it is a whole run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable

from tests.bench.children import prepared
from tests.bench.load import Address

PROGRAM = "wrk"


def installed() -> bool:
    """Whether there is a wrk."""
    return shutil.which(PROGRAM) is not None


def run(address: Address, close: bool, clients: int, seconds: int, cores: Iterable[int]) -> tuple[int, int]:
    """Requests done and failed in so many seconds; with `close` each has a connection of its own."""
    command = [PROGRAM, "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s"]
    if close:
        command += ["--header", "Connection: close"]
    answer = subprocess.run(
        [*command, f"http://{address[0]}:{address[1]}/"],
        preexec_fn=prepared(cores),
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    return counts(answer.stdout + answer.stderr)


def counts(said: str) -> tuple[int, int]:
    """Read its report: requests done, and those that failed in any way. RuntimeError when there is no report."""
    done = re.search(r"(\d+) requests in ", said)
    if not done:
        raise RuntimeError(f"can't read what wrk says: {said.strip()[-500:]}")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    failed = sum(int(count) for found in (errors, refused) if found for count in found.groups())
    return int(done[1]), failed
