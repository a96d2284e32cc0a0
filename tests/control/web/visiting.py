"""An admin over a hub that is not there, and how to visit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.test import Client

from control.arguments import complete
from control.commands.command import CommandError, ErrorKind, find
from control.commands.table import COMMANDS
from control.history import SERIES
from control.rights import Person
from control.web.accounts import Accounts
from control.web.app import App
from control.web.door import Door
from control.web.inquiry import Inquiry
from director.access import Access
from director.config.model import Config, User
from director.config.veil import veiled_text
from director.config.writer import write
from tests.control import hubs

DES = "abNANd1rDfiNc"  # "secret"
USERS = [User(name="ann", password=DES, access=Access.FULL), User(name="bob", password=DES)]
ANN, BOB = ("ann", "secret"), ("bob", "secret")
PERSON = Person("ann", Access.FULL, "web, 127.0.0.1")
EVIL = '<script>alert("1")</script>'
HOST = {"service": "web", "group": "main", "host": "a"}
SESSION = {
    **{"session": "0-1", "client": EVIL, "port": 7, "service": "web", "group": "main", "host": EVIL, "state": "open"},
    **{"open_seconds": 70.0, "bytes_in": 1, "bytes_out": 2},
}
EXPLAINED = {
    **{
        "service": "web",
        "group": "main",
        "client": EVIL,
        "denied": "",
        "limit": "",
        "worker": 0,
        "chosen": EVIL,
        "one_of": [],
        "scheduler": EVIL,
        "rule": EVIL,
    },
    **{"fault": EVIL, "in_use": "random", "tie_break": ""},
    "hosts": [{"host": EVIL, "verdict": EVIL, "score": 1.0, "weight": 1.0, "open": 2}],
}
EVENT = {
    **{"number": 1, "time": 1.7e9, "level": "WARNING", "event": "host down", "subject": EVIL, "old": "up"},
    **{"new": "down", "reason": EVIL, "by": EVIL, "fields": {}},
}
CHANGE = {"number": 3, "at": 1.7e9, "by": EVIL, "from": EVIL, "undone": False, "change": EVIL, "reason": EVIL}


class Told(Inquiry):
    """A hub that is not there: it remembers what it was told. `results`: of commands, or why they fail."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.said: list[tuple[str, dict[str, Any], Person]] = []
        self.results: dict[str, Any] = {
            "status": {"processes": []},
            "log-level": {"levels": {"": "info", "host": "debug"}},
            "sessions": {"sessions": [SESSION], "warnings": []},
            "explain": EXPLAINED,
            "events": {"events": [EVENT]},
            "journal": {"changes": [CHANGE]},
            "users": {"users": [{"name": EVIL, "access": "full", "admin": "*:1"}]},
            "config-file": {"name": "config.xml", "text": f'<user password="{DES}"/> {EVIL}'},
            "config-diff": {"differs": True, "plan": "p1", "lines": [EVIL], "file": [EVIL]},
        }
        hosts = (
            hubs.host("a", ip="10.0.0.1:80", backup=False),
            hubs.host(EVIL, "maint", reason=EVIL, by=EVIL, backup=True),
        )
        self.document = {**hubs.stats(), "services": [hubs.service("web", hubs.group("main", *hosts))]}

    def stats(self) -> dict[str, Any]:
        return self.document

    def history(self, service: str) -> dict[str, Any]:
        return {"series": {name: [None, 1.5, 2.5] for name in SERIES}, "services": {"web": [1.0, None, 3.0]}}

    def command(self, name: str, given: Mapping[str, Any], person: Person) -> Any:
        row = find(name, COMMANDS)
        args = complete(row, dict(given))
        if row.access is Access.FULL and person.access is not Access.FULL:
            raise CommandError(ErrorKind.RIGHTS, "you may not")
        result = self.results.get(name, {"lines": [f"done: {name}"]})
        if isinstance(result, CommandError):
            if args.get("force"):
                return {"lines": ["forced"]}
            raise result
        if row.access is Access.FULL:
            self.said.append((name, dict(given), person))
        if row.veiled is not None and person.access is not Access.FULL:
            return {**result, "text": veiled_text(result["text"])}
        return result


def client_of(told: Told, config: Config | None = None, legacy_get: bool = False) -> Client:
    told.results["config-running"] = {"text": write(config or Config()).decode()}
    door = Door("127.0.0.1:7001", False, legacy_get, False, Accounts(USERS))
    return visiting(App(door, told, lambda: config or Config()))


def visiting(app: App) -> Client:
    return Client(lambda environ, start: app({**environ, "REMOTE_ADDR": "127.0.0.1"}, start))


def log_in(client: Client, name: str = "ann") -> str:
    """Log in by the form; the token that forms must have."""
    assert client.post("/login", data={"name": name, "password": "secret"}).status_code == 302
    text = client.get("/", headers={"Accept": "text/html"}).text
    return text.partition('name="csrf" value="')[2].partition('"')[0]


LOCKED_PATHS = (
    "/running.xml",
    "/config.xml",
    "/rawConfig.xml",
    "/config.txt",
    "/config",
    "/stored.xml",
    "/rawStored.xml",
    "/config/file",
)
PAGES = (
    *(
        "/",
        "/service/web",
        "/workers",
        "/upgrade",
        "/sessions",
        "/explain?service=web",
        "/explain?session=0-1",
        "/journal",
        "/events",
    ),
    *("/users", "/config", "/config/file", "/config/diff", "/config/new"),
)
