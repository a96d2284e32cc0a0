"""A director with two hosts and two web admins, asked as scripts ask."""

from __future__ import annotations

import base64
import http.client
import re
import ssl
from urllib.parse import urlencode

from tests.system.addresses import free_address
from tests.system.configs import director, group, host, service
from tests.system.daemon import Daemon
from tests.system.hosts import Host

DES = "abNANd1rDfiNc"  # "secret", as Python Director kept it
ANN, BOB = ("ann", "secret"), ("bob", "secret")


class Site:
    """A director with two hosts, a plain and a secure admin."""

    def __init__(self, daemon: Daemon, hosts: list[Host]) -> None:
        self.daemon = daemon
        self.users = daemon.folder / "users.yaml"
        self.service, self.plain, self.secure = free_address(), free_address(), free_address()
        self.write_users()
        names = [host(name, one.address) for name, one in zip("ab", hosts, strict=True)]
        self.config = director(
            service(self.service, group(*names), group(host("n", hosts[0].address), name="next")),
            f'<admin listen="{self.plain}" users="users.yaml"/>',
            f'<admin listen="{self.secure}" users="users.yaml" secure="yes" legacy-get="yes"/>',
            upgrade_probation="1s",
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
