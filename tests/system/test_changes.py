"""Everything can be changed while it runs, is remembered, and can be undone: seen by traffic, not by replies."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from director.config.veil import veiled_text
from tests.system.addresses import accepts, answers, connect, free_address, read_line
from tests.system.configs import director, group, host, one_service, service
from tests.system.daemon import Daemon, Result
from tests.system.hosts import Host
from tests.system.load import ShortRequests
from tests.waiting import wait_until

Hosts = Callable[..., list[Host]]


def done(daemon: Daemon, *words: str, stdin: str = "") -> Result:
    result = daemon.ctl(*words, stdin=stdin)
    assert result.exit == 0, f"{words}: exit {result.exit}: {result.text}"
    return result


def refused(daemon: Daemon, *words: str) -> str:
    result = daemon.ctl(*words)
    assert result.exit == 1, f"{words}: exit {result.exit}: {result.text}"
    return result.text


def test_every_change_shows_in_traffic_and_fails_no_request(
    daemon: Daemon, hosts: Hosts, serve: Callable[..., Host]
) -> None:
    web, other, more, kept = (free_address() for _ in range(4))
    a, b, c = hosts("a", "b", "c")
    busy = serve()
    quiet = service(kept, group(host("busy", busy.address)), name="kept")
    daemon.start(director(service(web, group(host("a", a.address)), group(host("c", c.address), name="next")), quiet))
    with ShortRequests(kept) as requests:
        done(daemon, "host-add", "web", "main", "b", b.address, "--weight", "2")
        assert answers(web) == {"a", "b"}
        done(daemon, "host-down", "web", "main", "a", "--reason", "disk")
        assert answers(web) == {"b"}
        assert "last usable host" in refused(daemon, "host-del", "web", "main", "b")
        assert "last usable host" in refused(daemon, "host-weight", "web", "main", "b", "0")
        done(daemon, "host-up", "web", "main", "a")
        assert answers(web) == {"a", "b"}
        done(daemon, "host-weight", "web", "main", "b", "0")
        assert answers(web) == {"a"}
        done(daemon, "host-weight", "web", "main", "b", "1")
        done(daemon, "host-maxconn", "web", "main", "b", "50")
        assert daemon.host("b")["maxconn"] == 50
        with ExitStack() as stack:
            held = stack.enter_context(connect(web))
            while read_line(held) != "b":
                held = stack.enter_context(connect(web))
            done(daemon, "host-del", "web", "main", "b")
            assert answers(web) == {"a"}
            held.sendall(b"still here\n")  # also to the host that is gone
            assert read_line(held) == "still here"
        done(daemon, "group-enable", "web", "next")
        assert answers(web) == {"c"}
        assert "enabled" in refused(daemon, "group-del", "web", "next")
        done(daemon, "group-scheduler", "web", "next", "first")
        assert answers(web) == {"c"}
        done(daemon, "group-enable", "web", "main")
        assert answers(web) == {"a"}
        done(daemon, "group-del", "web", "next")
        done(daemon, "group-add", "web", "later", "leastconns")
        assert "no usable host" in refused(daemon, "group-enable", "web", "later")
        done(daemon, "host-add", "web", "later", "b", b.address)
        done(daemon, "group-enable", "web", "later")
        assert answers(web) == {"b"}
        done(daemon, "host-del-all", "web", "main")
        done(daemon, "listen-add", "web", more)
        assert answers(more) == {"b"}
        done(daemon, "listen-del", "web", more)
        wait_until(lambda: not accepts(more))
        assert "has no other" in refused(daemon, "listen-del", "web", web)
        done(daemon, "service-maxconn", "web", "100")
        assert daemon.service("web")["maxconn"] == 100
        done(daemon, "service-disable", "web")
        wait_until(lambda: not accepts(web))
        done(daemon, "service-enable", "web")
        assert answers(web) == {"b"}
        done(daemon, "service-add", "new", other)
        done(daemon, "host-add", "new", "main", "c", c.address)
        assert answers(other) == {"c"}
        with connect(other) as client:
            assert read_line(client) == "c"
            wait_until(lambda: daemon.service("new")["open"] == 1)
            assert "open connection" in refused(daemon, "service-del", "new")
            done(daemon, "service-del", "new", "--force")
            wait_until(lambda: not accepts(other))
            client.sendall(b"on\n")
            assert read_line(client) == "on"
        done(daemon, "config-discard")
        assert answers(web) == {"a"}
    assert requests.failures == []


def test_the_last_host_that_is_up_stays_and_no_group_without_one_is_enabled(daemon: Daemon, hosts: Hosts) -> None:
    web, nobody = free_address(), free_address()
    (a,) = hosts("a")
    unresolved = host("u", "nowhere.invalid:80")
    main = group(host("a", a.address), host("b", nobody), unresolved)
    daemon.start(director(service(web, main, group(unresolved, name="next"))))
    wait_until(lambda: answers(web) == {"a"} and daemon.host("b")["state"] == "down")
    assert "last usable host" in refused(daemon, "host-down", "web", "main", "a")
    assert "last usable host" in refused(daemon, "host-del", "web", "main", "a", "--dry-run")
    assert "no usable host" in refused(daemon, "group-enable", "web", "next")
    done(daemon, "host-down", "web", "main", "b")
    done(daemon, "host-down", "web", "main", "a", "--force")


def test_what_is_wrong_is_said_and_what_is_so_already_is_done(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(web, host("a", a.address), host("b", b.address)))
    assert "did you mean 'web'" in refused(daemon, "host-up", "wbe", "main", "a")
    assert "did you mean 'main'" in refused(daemon, "group-del", "web", "mian")
    assert "use a port" in refused(daemon, "host-add", "web", "main", "c", "127.0.0.1:99999")
    assert "letters" in refused(daemon, "host-add", "web", "main", "c d", "127.0.0.1:9")
    assert "another of this name" in refused(daemon, "host-add", "web", "main", "a", "127.0.0.1:9")
    assert "service 'web' does" in refused(daemon, "service-add", "new", web)
    assert "can't use scheduler 'fastest'" in refused(daemon, "group-add", "web", "new", "fastest")
    assert "neither" in refused(daemon, "group-add", "web", "new", "python:os:system")
    assert daemon.ctl("host-weight", "web", "main", "a").exit == 2
    assert daemon.ctl("host-down", "web", "main", "a", "--for", "soon").exit == 1
    assert "already" in done(daemon, "host-add", "web", "main", "a", a.address).out
    assert "already" in done(daemon, "service-enable", "web").out
    before = done(daemon, "journal").out
    dry = done(daemon, "host-del", "web", "main", "a", "--dry-run").out
    assert "remove host 'a'" in dry and "1 of 2 usable hosts left" in dry
    assert answers(web) == {"a", "b"}
    assert done(daemon, "journal").out == before


def test_changes_outlive_reload_restart_and_a_kill_of_everything(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    a, b, c = hosts("a", "b", "c")
    text = one_service(web, host("a", a.address), host("b", b.address))
    daemon.start(text)
    done(daemon, "host-add", "web", "main", "c", c.address)
    done(daemon, "host-down", "web", "main", "a", "--reason", "disk")
    assert answers(web) == {"b", "c"}
    daemon.reload(text.replace('level="debug"', 'level="debug" ').replace("<service", "<service queue='7'"))
    assert answers(web) == {"b", "c"}
    daemon.stop()
    daemon.start()
    assert answers(web) == {"b", "c"}
    for pid in [*daemon.workers().values(), daemon.master]:
        daemon.kill(pid, signal.SIGKILL)
    with open(daemon.state_dir / "journal", "ab") as file:
        file.write(b'00000000 ["changed", {torn')
    daemon.start()
    wait_until(lambda: answers(web) == {"b", "c"})
    assert "journal cut" in daemon.log
    down = daemon.host("a")
    assert (down["state"], down["reason"]) == ("maint", "disk")
    assert (daemon.state_dir / "journal").stat().st_mode & 0o777 == 0o600


def test_host_down_for_a_time_ends_by_itself_also_over_a_restart(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(web, host("a", a.address), host("b", b.address)))
    until = time.time() + 3
    done(daemon, "host-down", "web", "main", "a", "--for", "3s")
    assert answers(web) == {"b"}
    daemon.stop()
    daemon.start()
    if time.time() < until - 0.5:
        assert answers(web) == {"b"}
    wait_until(lambda: answers(web) == {"a", "b"})
    assert time.time() >= until - 0.1
    assert "the clock" in done(daemon, "journal").out


def test_undo_takes_back_one_change_or_says_what_depends_on_it(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(web, host("a", a.address)))
    done(daemon, "host-add", "web", "main", "b", b.address)  # 1
    done(daemon, "host-weight", "web", "main", "b", "3")  # 2
    done(daemon, "host-down", "web", "main", "a", "--reason", "why not")  # 3
    said = refused(daemon, "undo", "1")
    assert "change 2 depends on it" in said
    done(daemon, "undo", "3")
    assert answers(web) == {"a", "b"}
    done(daemon, "undo", "2")
    done(daemon, "undo", "1")
    assert answers(web) == {"a"}
    assert "undone already" in done(daemon, "undo", "1").out
    listed = json.loads(done(daemon, "--json", "journal").out)["changes"]
    assert [one["undone"] for one in listed] == [True, True, True, False, False, False]
    assert listed[2]["reason"] == "why not" and listed[2]["from"].startswith("control socket")
    assert "unknown change 77" in refused(daemon, "undo", "77")


def test_a_file_edited_by_hand_after_host_down_wins_where_it_speaks_of_the_same(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    a, b = hosts("a", "b")
    lines = host("a", a.address), host("b", b.address)
    daemon.start(one_service(web, *lines))
    done(daemon, "host-down", "web", "main", "a")
    done(daemon, "host-weight", "web", "main", "b", "5")
    daemon.configure(one_service(web, lines[0], host("b", b.address, weight=2)))
    diff = done(daemon, "config-diff").out
    assert "the file wins" in diff and "from 5 to 2" in diff
    assert daemon.ctl("config-diff", "--exit-code").exit == 1
    said = daemon.directord("reload").out
    assert "the file changed host 'b' of web/main, weight: the file wins" in said
    assert "1 run-time change in force" in said
    assert answers(web) == {"b"}
    assert daemon.host("b")["weight"] == 2
    assert "change overruled" in daemon.log
    assert daemon.ctl("config-diff", "--exit-code").exit == 0


def test_of_two_plans_from_one_state_one_wins_and_the_other_is_told(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    a, b = hosts("a", "b")
    daemon.start(one_service(web, host("a", a.address)))
    texts = {}
    for name, lines in (
        ("one", [host("a", a.address), host("b", b.address)]),
        ("two", [host("a", a.address, weight=3)]),
    ):
        path = daemon.folder / f"{name}.xml"
        path.write_text(one_service(web, *lines))
        plan: dict[str, Any] = json.loads(done(daemon, "--json", "config-diff", str(path)).out)
        texts[str(path)] = plan["plan"]
    (one, first), (two, second) = texts.items()
    done(daemon, "config-apply", one, "--plan", first)
    assert answers(web) == {"a", "b"}
    assert "has changed since" in refused(daemon, "config-apply", two, "--plan", second)
    assert answers(web) == {"a", "b"}
    assert json.loads(done(daemon, "--json", "config-diff", one).out)["differs"] is False


def test_the_config_is_saved_with_its_comments_and_a_backup(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    a, b = hosts("a", "b")
    text = one_service(web, host("a", a.address), host("b", b.address)).replace(
        "<group", "<!-- our machines -->\n    <group"
    )
    daemon.start(text)
    done(daemon, "host-weight", "web", "main", "b", "3")
    done(daemon, "host-down", "web", "main", "a")
    mine = daemon.folder / "mine.xml"
    done(daemon, "config-save", str(mine))
    assert "our machines" in mine.read_text() and 'weight="3"' in mine.read_text()
    assert daemon.config_file.read_text() == text
    done(daemon, "config-save")
    assert daemon.config_file.read_text() == mine.read_text()
    assert (daemon.folder / "config.xml.bak").read_text() == text
    assert "1 run-time change in force" in daemon.directord("reload").out  # host-down is in no file
    assert answers(web) == {"b"}
    assert daemon.directord("check").exit == 0
    running = daemon.folder / "running.xml"
    running.write_text(done(daemon, "config-running").out)
    assert daemon.ctl("config-diff", "--exit-code", str(running)).exit == 0
    assert done(daemon, "config-file").out.strip() == mine.read_text().strip()


def test_a_clients_config_names_neither_code_nor_files(daemon: Daemon, hosts: Hosts) -> None:
    web = free_address()
    (a,) = hosts("a")
    daemon.start(one_service(web, host("a", a.address)))
    path = daemon.folder / "theirs.xml"
    path.write_text(one_service(web, host("a", a.address), scheduler="python:os:system"))
    assert "only the config file may name code" in refused(daemon, "config-apply", str(path))
    path.write_text(one_service(web, host("a", a.address)).replace("director.log", "/etc/shadow"))
    assert "only the config file may name files" in refused(daemon, "config-apply", str(path))
    path.write_text("<director><nonsense/></director>")
    assert re.search(r"theirs\.xml:1: ", refused(daemon, "config-apply", str(path)))
    assert refused(daemon, "config-apply", str(daemon.folder / "missing.xml"))
    assert answers(web) == {"a"}


def test_what_was_shown_without_its_hashes_is_what_runs(daemon: Daemon, hosts: Hosts) -> None:
    (a,) = hosts("a")
    page = f'<admin listen="{free_address()}"><user name="eva" password="iy9l0V1MkG1DE"/></admin>'
    text = director(service(free_address(), group(host("a", a.address))), page)
    daemon.start(text)
    path = daemon.folder / "shown.xml"
    path.write_text(veiled_text(text))
    assert done(daemon, "config-diff", str(path)).out.splitlines()[-1] == "nothing to change"
    path.write_text(veiled_text(text).replace('name="a"', 'name="b"'))
    done(daemon, "config-apply", str(path), "--force")
    assert "iy9l0V1MkG1DE" in done(daemon, "config-running").out


def test_users_come_and_go(daemon: Daemon, hosts: Hosts) -> None:
    web, admin = free_address(), free_address()
    (a,) = hosts("a")
    hashed = done(daemon, "password-hash", stdin="secret\n").out.strip()
    assert hashed.startswith("$argon2")
    page = f'<admin listen="{admin}"><user name="eva" password="{hashed}" access="full"/></admin>'
    daemon.start(director(service(web, group(host("a", a.address))), page))
    done(daemon, "user-add", "ida", "readonly", stdin="zebra-crossing\n")
    assert "ida" in done(daemon, "users").out
    assert "zebra-crossing" not in (daemon.state_dir / "journal").read_text()
    done(daemon, "user-del", "ida")
    assert "ida" not in done(daemon, "users").out
    assert "did you mean 'eva'" in refused(daemon, "user-del", "evo")
