"""A director with two hosts and two web admins, asked as scripts ask."""

from __future__ import annotations

import base64
import http.client
import os
import re
import signal
import ssl
import time
from math import sin
from pathlib import Path
from urllib.parse import urlencode

from control.history import KEPT, STEP, Count, History
from control.memory import HISTORY, Memory
from director.tally import BOUNDS_MS, bucket
from tests.system.addresses import free_address
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host
from tests.waiting import wait_until

DES = "abNANd1rDfiNc"  # "secret", as Python Director kept it
ANN, BOB = ("ann", "secret"), ("bob", "secret")


class Site:
    """A director with two hosts, a plain and a secure admin."""

    def __init__(self, daemon: Daemon, hosts: list[Host], **attributes: object) -> None:
        self.daemon = daemon
        self.users = daemon.folder / "users.yaml"
        self.service, self.plain, self.secure = free_address(), free_address(), free_address()
        self.write_users()
        names = [host(name, one.address) for name, one in zip("ab", hosts, strict=True)]
        self.config = director(
            service(self.service, group(*names), group(host("n", hosts[0].address), name="next")),
            f'<admin listen="{self.plain}" users="users.yaml"/>',
            f'<admin listen="{self.secure}" users="users.yaml" secure="yes" legacy-get="yes"/>',
            **{"upgrade_probation": "1s", **attributes},
        )
        daemon.start(self.config)

    def write_users(self, *more: str) -> None:
        lines = [f"- {{name: ann, password: {DES}, access: full}}", f"- {{name: bob, password: {DES}}}", *more]
        self.users.write_text("\n".join([*lines, ""]))
        self.users.chmod(0o600)

    def ask(
        self,
        path: str,
        user: tuple[str, str] | None = ANN,
        data: dict[str, str] | None = None,
        secure: bool = False,
        **headers: str,
    ) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers."""
        where = self.secure if secure else self.plain
        if secure:
            context = ssl.create_default_context(cafile=str(self.daemon.state_dir / "admin.pem"))
            context.check_hostname = False
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(where, timeout=10, context=context)
        else:
            connection = http.client.HTTPConnection(where, timeout=10)
        sent = dict(headers)
        if user:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(user).encode()).decode()
        body = None
        if data is not None:
            body, sent["Content-Type"] = urlencode(data), "application/x-www-form-urlencoded"
        connection.request("GET" if data is None else "POST", path, body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, dict(answer.headers)

    def web(self) -> int:
        """The pid of the web process."""
        return int(re.findall(r"started: kind=web slot=-3 child=(\d+)", self.daemon.log)[-1])


def give_an_hour(daemon: Daemon) -> None:
    """Have the hub's successor find an hour of traffic that never was, in the memory file that hubs leave."""
    hub = daemon.hub()
    numbers = [service["number"] for service in daemon.stats()["services"]]
    daemon.kill(hub, signal.SIGSTOP)
    memory = next(path for path in Path(f"/proc/{hub}/fd").iterdir() if "director-hub" in os.readlink(path))
    fd = os.open(memory, os.O_RDWR)
    kept = Memory(fd, HISTORY)
    kept.load()
    kept.save(_hour(numbers, time.monotonic()).dump())
    os.close(fd)
    daemon.kill(hub)
    wait_until(lambda: daemon.hub() != hub, timeout=40)


def _hour(numbers: list[int], now: float) -> History:
    history, counts = History(), {number: Count() for number in numbers}
    for step in range(KEPT):
        for place, count in enumerate(counts.values()):
            rate = 40 + 25 * sin(step / 37 + place) + 6 * sin(step * 1.7) + 4 * sin(step * 7.1 + place)
            connect = [0] * (len(BOUNDS_MS) + 1)
            connect[bucket(0.0007 + 0.0004 * sin(step / 9))] = int(rate * STEP)
            connect[bucket(0.008 + 0.004 * sin(step / 5))] = int(rate / 2)
            grown = Count(int(rate * STEP), int(rate * 9000), int(rate * 90000), connect, int(20 + rate / 2))
            count.open = 0
            count.add(grown)
        copies = {number: Count(*count.row()) for number, count in counts.items()}
        history.note(copies, now - (KEPT - 1 - step) * STEP)
    return history
