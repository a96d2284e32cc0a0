"""What each element and attribute of config.xml is for, in words.

Counterpart of schema, which says what they may hold; a test holds the two
together, so that neither has a row that the other lacks. The configuration
reference, the manual page and the RELAX NG schema are made from both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One attribute in words. `example`: a value that the schema takes. `since`: the version that brought it."""

    text: str
    example: str
    since: str = "0.1.0"


ELEMENTS: Mapping[str, str] = {
    "director": "The root. Everything that is not about a single service.",
    "service": "What clients connect to: addresses, and groups of hosts of which one is enabled.",
    "listen": "An address where the service accepts clients. A service may have several.",
    "group": "Hosts that serve the same thing, and the scheduler that chooses among them.",
    "host": "One server that connections are handed to.",
    "check": (
        "How to find out whether hosts are well; in a group for all its hosts, in a host for that one alone. "
        "Without it a host that fails in traffic is taken out, and tested by a connection after `checktime`."
    ),
    "enable": "Which group gets the service's new connections. Without it, the first.",
    "admin": "A web admin. There may be any number, each with users of its own.",
    "user": "Someone who may use the web admin.",
    "control": "Who may use a control socket beside root and the user who started the daemon.",
    "logging": "Where the log and the connection log go.",
    "checktime": "When a host that is down, and has no check, is tried again.",
    "dns": "How the names of hosts are resolved.",
}

ATTRIBUTES: Mapping[str, Mapping[str, Entry]] = {
    "director": {
        "workers": Entry("How many workers; `auto` is one for each processor that we may use.", "4"),
        "maxconn": Entry(
            "The most connections to hosts at once, over all services and workers. Without it, what the limit of "
            "descriptors allows.",
            "20000",
        ),
        "user": Entry(
            "The account that workers, hub and web admin run as when root starts the daemon. Without it `director`, "
            "else `nobody`; `root` stays root.",
            "director",
        ),
        "group": Entry("The group of those processes; without it, that of the account.", "director"),
        "stop-timeout": Entry("How long `stop` lets connections end by themselves before it closes them.", "30s"),
        "drain-timeout": Entry("How long connections of a replaced generation may go on after an upgrade.", "10m"),
        "orphan-timeout": Entry("How long workers finish their connections when the master was killed.", "30s"),
        "worker-timeout": Entry(
            "A process that gives no sign of life for this long is replaced. Time that it did not have"
            " counts for nothing: stopped, waiting for a disk, or for a processor on a machine that is too busy.",
            "15s",
        ),
        "upgrade-timeout": Entry("How long an upgrade may take to get ready before it is given up.", "60s"),
        "upgrade-probation": Entry("How long a new generation is watched, and taken back if it fails.", "10s"),
    },
    "service": {
        "name": Entry("Its name in commands, statistics and logs.", "web"),
        "disabled": Entry("Whether its addresses are not listened on; what `service-disable` says.", "yes"),
        "maxconn": Entry("The most connections to its hosts at once, over all workers and generations.", "5000"),
        "connect-timeout": Entry("How long a host may take to accept a connection before the next is tried.", "5s"),
        "idle-timeout": Entry("A connection without a byte for this long is closed; `0` never.", "10m"),
        "queue": Entry("How many clients may wait for a permit when a limit is reached; more are closed.", "1000"),
        "queue-timeout": Entry("How long a client waits there before it is closed.", "5s"),
        "abort-on-close": Entry(
            "Whether a client that says there that no more comes is let go; else it may still want its answer.", "yes"
        ),
        "retries": Entry("How many other hosts are tried for a client; `all` tries every usable one once.", "2"),
        "log": Entry(
            "Which of its connections stand in the connection log; `sampled:100`: one in a hundred.", "errors"
        ),
        "keepalive": Entry("Whether the kernel probes silent connections, so that dead peers are noticed.", "yes"),
        "keepalive-idle": Entry("Silence before the first probe; `0` leaves the kernel's value.", "2m"),
        "keepalive-interval": Entry("Time between probes; `0` leaves the kernel's value.", "15s"),
        "keepalive-count": Entry("Unanswered probes that end a connection; `0` leaves the kernel's value.", "4"),
        "user-timeout": Entry("How long sent bytes may stay unacknowledged; `0` leaves the kernel's value.", "30s"),
        "drain-within": Entry(
            "How long connections may go on whose host goes, by a change or from its name's addresses, "
            "if the command does not say; `none`: to their end.",
            "10m",
        ),
        "drain-rate": Entry("How many of those left are closed a second then; `none`: all at once.", "5/s"),
        "source": Entry("The address that connections and checks come from; `none`: the kernel's choice.", "10.0.0.5"),
        "allow": Entry(
            "Which clients may connect: all others are closed at once. Clients of socket files always may.",
            "10.0.0.0/8 192.168.1.7 2001:db8::/32",
        ),
        "deny": Entry("Which clients may not, even if `allow` names them.", "10.66.0.0/16"),
    },
    "listen": {
        "ip": Entry(
            "`*:PORT` every IPv4 address, `[::]:PORT` every IPv6 address, `HOST:PORT` one, `unix:PATH` a socket file.",
            "*:80",
        ),
        "backlog": Entry("How many clients the kernel may queue for each worker.", "4096"),
        "defer-accept": Entry("Accept a client only when its first bytes are there; `0` at once.", "5s"),
        "fast-open": Entry("Let clients send bytes with their first packet.", "yes"),
        "mode": Entry("Of a socket file: its mode.", "0660"),
        "owner": Entry("Of a socket file: the account that owns it.", "www-data"),
        "group": Entry("Of a socket file: its group.", "www-data"),
    },
    "group": {
        "name": Entry("Its name in commands, statistics and logs.", "main"),
        "scheduler": Entry(
            "Who gets the next connection: one of the schedulers, or `python:package.module:Class`; `,sticky` sends "
            "a client to the host it had before.",
            "leastconns,sticky",
        ),
        "sticky-timeout": Entry("How long a client is remembered after its last connection.", "30m"),
        "sticky-size": Entry("How many clients are remembered; those seen least recently go first.", "100000"),
        "min-up": Entry("Automatic verdicts never take the last so many hosts of the group.", "1"),
        "slowstart": Entry("A host that comes back gets its full share only after this time.", "30s"),
        "maxconn": Entry("The most connections to its hosts at once, over all workers and generations.", "2000"),
        "backup-close": Entry(
            "Connections of backups are closed when another host of the group is up again, with `UD` in the log.", "yes"
        ),
        "observe-window": Entry("A connection reset within this time of its start is a fault of the host.", "1s"),
    },
    "host": {
        "name": Entry("Its name in commands, statistics and logs.", "one"),
        "ip": Entry(
            "`HOST:PORT`, where HOST may be a name; `unix:PATH`; or `srv:_service._proto.domain` for SRV records.",
            "10.0.0.1:8080",
        ),
        "weight": Entry("Its share beside others; `0` gets nothing new.", "2"),
        "maxconn": Entry("The most connections to it at once, over all workers and generations.", "500"),
        "backup": Entry("Gets connections only while no other host of the group can.", "yes"),
        "resolve": Entry("Of several addresses of a name, use the `first` or `all`.", "all"),
        "fast-open": Entry("Send the first bytes with the first packet, where the host knows us.", "no"),
        "source": Entry("The address that connections to it come from; `none` is the service's.", "10.0.0.5"),
    },
    "check": {
        "type": Entry("What a check does.", "http"),
        "interval": Entry("Time between checks.", "2s"),
        "timeout": Entry("How long a check may take.", "1s"),
        "rise": Entry("So many good checks in a row bring a host back.", "2"),
        "fall": Entry("So many failed checks in a row take a host out.", "3"),
        "fastinterval": Entry("Time between checks while a host is on its way up or down.", "500ms"),
        "downinterval": Entry("Time between checks while a host is down.", "10s"),
        "address": Entry("Check this address instead of the host's.", "10.0.1.1"),
        "port": Entry("Check this port instead of the host's.", "8081"),
        "method": Entry("Of http: the request's method.", "GET"),
        "path": Entry("Of http: what is asked for.", "/health"),
        "host": Entry("Of http: the Host header.", "app.example.com"),
        "expect": Entry("Of http: statuses that are good. Of send: what the answer must begin with.", "200-299,304"),
        "pattern": Entry("A regular expression that the body or the answer must match somewhere.", "ready"),
        "verify": Entry("Of https and tls: whether the certificate must be good.", "yes"),
        "ca": Entry("Of https and tls: a file with the certificates to trust.", "/etc/ssl/ca.pem"),
        "sni": Entry("Of https and tls: the name to ask for, and to verify.", "app.example.com"),
        "send": Entry("Of send: text to send, with `\\r \\n \\t \\xHH`.", "PING\\r\\n"),
        "send-hex": Entry("Of send: bytes to send, in hexadecimal.", "0000000804d2162f"),
        "expect-hex": Entry("Of send: bytes that the answer must begin with, in hexadecimal.", "4e"),
        "command": Entry("Of script: the program to run; exit status 0 is good.", "/usr/local/lib/check-app"),
        "args": Entry("Of script: its arguments.", "--deep --user 'John Doe'"),
    },
    "enable": {"group": Entry("The group's name.", "main")},
    "admin": {
        "listen": Entry("Where it listens.", "127.0.0.1:7001"),
        "users": Entry("A YAML file with users, instead of `<user>` elements.", "users.yaml"),
        "secure": Entry("HTTPS.", "yes"),
        "cert": Entry("The certificate; without it a self-signed one is made.", "admin.pem"),
        "key": Entry("The certificate's key.", "admin.key"),
        "legacy-get": Entry(
            "Let the ancestor's calls change things by GET, for scripts that send an Authorization header.", "yes"
        ),
        "metrics": Entry("Whether `/metrics` wants a `login` or is `open`.", "open"),
    },
    "user": {
        "name": Entry("Whom the login names.", "ops"),
        "password": Entry("A hash, by argon2 or crypt(3).", "iy9l0V1MkG1DE"),
        "access": Entry("`full` may change things, `readonly` only look.", "full"),
    },
    "control": {
        "socket": Entry(
            "The path of a socket beside `control.sock` in the run dir; without it, this is about the latter.",
            "/run/director.sock",
        ),
        "group": Entry("Members of this group may use it.", "ops"),
        "access": Entry("`full` may change things, `readonly` only look.", "readonly"),
    },
    "logging": {
        "file": Entry(
            "A path, `stderr`, `journald`, `syslog`, or by RFC 5424 `syslog:/SOCKET` or `syslog:HOST:PORT` (UDP). "
            "Without it stderr in the foreground, else syslog.",
            "/var/log/director/director.log",
        ),
        "level": Entry("What is worth a line.", "info"),
        "format": Entry("How lines of both logs look.", "json"),
        "connections": Entry(
            "Where a line for each connection goes; `none`: nowhere.", "/var/log/director/connections.log"
        ),
    },
    "checktime": {"time": Entry("How long until it is tried.", "120")},
    "dns": {
        "servers": Entry("Addresses of name servers; without it those of /etc/resolv.conf.", "10.0.0.2:53 10.0.0.3:53"),
        "search": Entry(
            "Domains that short names are looked up in; without it those of /etc/resolv.conf.", "corp.example"
        ),
        "prefer": Entry("Which addresses of a name come first.", "ipv6"),
        "min-ttl": Entry("An answer is kept at least so long.", "1s"),
        "max-ttl": Entry("An answer is kept at most so long.", "5m"),
        "timeout": Entry("How long a name server may take.", "5s"),
        "hold": Entry("How long the last good answer is used when there is no new one.", "1h"),
    },
}
