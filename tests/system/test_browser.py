"""The web admin as people use it, in a real browser; what they do is seen by traffic and on the control socket."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import waiting
from tests.system.addresses import ask_name, connect, free_address, read_line
from tests.system.admins import Site, give_an_hour
from tests.system.browser import Browser
from tests.system.daemon import Daemon
from tests.system.hosts import Host

PAGES = {
    "overview": "/",
    "service": "/service/web",
    "sessions": "/sessions",
    "explain": "/explain?service=web",
    "events": "/events",
    "journal": "/journal",
    "config": "/config",
    "config-file": "/config/file",
    "config-diff": "/config/diff",
    "config-new": "/config/new",
    "users": "/users",
    "workers": "/workers",
    "upgrade": "/upgrade",
}
A, B = ({"service": "web", "group": "main", "host": name} for name in "ab")
HOSTS_AND_GROUPS = ("host-", "group-", "sticky-")
MAIN, NEXT = ({"service": "web", "group": name} for name in ("main", "next"))

wait_until = partial(waiting.wait_until, timeout=60)  # a browser beside everything else takes its time


@pytest.fixture
def site(daemon: Daemon, hosts: Callable[..., list[Host]]) -> Iterator[Site]:
    yield Site(daemon, hosts("a", "b"))


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(f"http://{site.plain}") as browser:
        yield browser


def names(site: Site) -> set[str]:
    return {ask_name(site.service) for _ in range(8)}


def enter(browser: Browser) -> None:
    """As somebody who may change things, after a wrong password."""
    browser.log_in("ann", "wrong")
    assert "no user with that password" in browser.text
    browser.log_in("ann", "secret")
    browser.follow("web")


def test_whoever_may_change_things_can_change_hosts_and_groups(site: Site, browser: Browser) -> None:
    enter(browser)
    change_hosts(site, browser)
    change_groups(site, browser)
    assert browser.complaints() == []
    assert {one for one in browser.commands if one.startswith(HOSTS_AND_GROUPS)} <= browser.pressed


def test_whoever_may_change_things_can_change_all_else(site: Site, browser: Browser) -> None:
    enter(browser)
    change_services(site, browser)
    change_what_was_changed(site, browser)
    change_users(site, browser)
    change_the_daemon(site, browser)
    upgrade(site, browser)
    stop(site, browser)
    assert {one for one in browser.commands if not one.startswith(HOSTS_AND_GROUPS)} <= browser.pressed


def change_hosts(site: Site, browser: Browser) -> None:
    browser.do("host-down", B, reason="new <disk>", for_="30m")
    assert "in maint" in browser.message
    assert "new <disk>" in browser.text
    assert names(site) == {"a"}
    assert site.daemon.host("b")["by"] == "ann"
    browser.do("host-down", A)
    assert "Are you sure?" in browser.text and "--force" not in browser.text
    browser.follow("Leave it")
    assert site.daemon.host("a")["state"] == "up"
    browser.do("host-down", A, sure=True)
    assert site.daemon.host("a")["state"] == "maint"
    browser.do("host-up", A)
    browser.do("host-up", B)
    assert names(site) == {"a", "b"}
    browser.do("host-weight", A, weight="3")
    browser.do("host-maxconn", A, maxconn="77")
    assert (site.daemon.host("a")["weight"], site.daemon.host("a")["maxconn"]) == (3, 77)
    browser.do("host-weight", A, weight="heavy")
    assert "That did not work" in browser.text and "heavy" in browser.text
    browser.follow("Back")
    browser.do("host-retry", B)
    assert "answers" in browser.message
    browser.do("host-add", MAIN, host="c", ip=str(site.daemon.host("n", group="next")["ip"]))
    wait_until(lambda: site.daemon.host("c")["state"] == "up")
    browser.do("host-del", {"service": "web", "group": "main", "host": "c"}, sure=True)
    assert [host["name"] for host in site.daemon.service()["groups"][0]["hosts"]] == ["a", "b"]
    if "host-drain" in browser.commands:
        drain_a_host(site, browser)
    # Without a press: what others do is seen at once.
    cell = browser.find('[data-cell="main/b/state"]')
    assert site.daemon.ctl("host-down", "web", "main", "b").exit == 0
    wait_until(lambda: cell.text == "maint")
    assert site.daemon.ctl("host-up", "web", "main", "b").exit == 0


def drain_a_host(site: Site, browser: Browser) -> None:
    with socket.create_connection(site.service.split(":"), timeout=40) as client:  # type: ignore[arg-type]
        name = client.recv(10).decode().strip()
        host = {"service": "web", "group": "main", "host": name}
        wait_until(lambda: site.daemon.host(name)["open"] == 1)
        browser.do("host-drain", host, within="30m")
        browser.find("progress")
        left = browser.find(f'span[data-cell="main/{name}/left"]')
        wait_until(lambda: left.text == "1")
    wait_until(lambda: left.text == "0")
    browser.go("/service/web")
    browser.do("host-close", host, sure=True)
    browser.do("host-up", host)


def change_groups(site: Site, browser: Browser) -> None:
    browser.do("group-scheduler", MAIN, scheduler="leastconns,sticky")
    assert site.daemon.service()["groups"][0]["scheduler"] == "leastconns,sticky"
    browser.do("sticky-clear", MAIN)
    assert "forgotten" in browser.message
    browser.do("group-enable", NEXT)
    assert site.daemon.service()["enabled_group"] == "next"
    browser.do("group-enable", MAIN)
    browser.do("group-add", {"service": "web"}, group="extra", scheduler="random")
    browser.do("host-del-all", NEXT, sure=True)
    browser.do("group-del", {"service": "web", "group": "extra"}, sure=True)
    assert [group["name"] for group in site.daemon.service()["groups"]] == ["main", "next"]


def change_services(site: Site, browser: Browser) -> None:
    more, other = free_address(), free_address()
    browser.do("listen-add", {"service": "web"}, ip=more)
    assert ask_name(more) in ("a", "b")
    browser.do("listen-del", {"service": "web", "ip": more}, sure=True)
    assert site.daemon.service()["listen"] == [site.service]
    browser.do("service-maxconn", {"service": "web"}, maxconn="500")
    assert site.daemon.service()["maxconn"] == 500
    browser.go("/")
    browser.do("service-add", service="new", ip=other, group="g")
    browser.follow("new")
    browser.do("service-disable", {"service": "new"}, sure=True)
    assert "disabled" in browser.text
    browser.do("service-enable", {"service": "new"})
    browser.do("service-del", {"service": "new"}, sure=True)
    assert [service["name"] for service in site.daemon.stats()["services"]] == ["web"]
    browser.go("/explain?service=web&client=10.0.0.1")
    assert "gets it" in browser.message
    with socket.create_connection(site.service.split(":"), timeout=10) as client:  # type: ignore[arg-type]
        wait_until(lambda: site.daemon.service()["open"] == 1)
        browser.go(f"/sessions?client={client.getsockname()[0]}")
        assert f":{client.getsockname()[1]}" in browser.text
        if "session-close" in browser.commands:
            (form,) = browser._all('form[action="/command/session-close"]')
            browser.press(form)
            client.settimeout(20)
            while client.recv(100):
                pass


def change_what_was_changed(site: Site, browser: Browser) -> None:
    browser.go("/service/web")
    browser.do("host-weight", A, weight="3")
    browser.go("/journal")
    browser.do("undo", {"number": wait_until(lambda: maxconn_change(site))}, sure=True)
    assert site.daemon.service()["maxconn"] is None
    browser.do("config-discard", sure=True)
    assert site.daemon.host("a")["weight"] == 1
    browser.go("/config")
    browser.do("config-save", sure=True)
    text = site.daemon.config_file.read_text()
    site.daemon.configure(text.replace("<host", '<host maxconn="50"', 1))
    browser.go("/config/file")
    assert 'maxconn="50"' in browser.text
    browser.go("/config/diff")
    assert "maxconn" in browser.find(".plan").text
    browser.do("config-apply")
    assert site.daemon.host("a")["maxconn"] == 50
    browser.go("/config/new")
    area = browser.find("textarea")
    area.clear()
    area.send_keys("<director><service/></director>")
    browser.press(browser.find('form[action="/config/new"]'))
    assert "name" in browser.find("[role=alert]:not([hidden])").text
    area = browser.find("textarea")
    area.clear()
    area.send_keys(site.daemon.config_file.read_text().replace('maxconn="50"', 'maxconn="60"'))
    browser.press(browser.find('form[action="/config/new"]'))
    assert "60" in browser.find(".plan").text
    browser.do("config-apply")
    assert site.daemon.host("a")["maxconn"] == 60


def maxconn_change(site: Site) -> int:
    changes = site.daemon.command("journal")["changes"]
    return next(int(one["number"]) for one in reversed(changes) if "500" in one["change"])


def change_users(site: Site, browser: Browser) -> None:
    browser.go("/users")
    form = browser.find('form[action="/users/add"]')
    browser.fill(form, name="eve", password="a long word", access="look and change")
    browser.press(form)
    assert "eve" in browser.message
    assert site.ask("/running.txt", ("eve", "a long word"))[0] == 200
    browser.do("user-del", {"name": "eve"}, sure=True)
    wait_until(lambda: site.ask("/running.txt", ("eve", "a long word"))[0] == 401)


def change_the_daemon(site: Site, browser: Browser) -> None:
    browser.go("/workers")
    assert f"{site.daemon.master}" in browser.text
    browser.do("workers-set", count="3")
    wait_until(lambda: site.daemon.is_serving(3))
    browser.do("reload")
    assert browser.message
    moved = site.daemon.log_file.rename(site.daemon.folder / "moved.log")
    browser.do("log-reopen")
    wait_until(site.daemon.log_file.exists)
    browser.do("log-level", level="error")
    browser.do("maxconn-set", maxconn="900")
    browser.do("log-level", level="debug", subsystem="change")
    assert "Own levels: change debug" in browser.text
    browser.do("maxconn-set", maxconn="901")
    assert site.daemon.stats()["maxconn"] == 901
    wait_until(lambda: "maxconn=901" in site.daemon.log)
    assert "new=maxconn=900" not in site.daemon.log + moved.read_text()
    browser.do("log-level", level="info")  # events that are not worth a line are not remembered
    wait_until(lambda: site.daemon.service()["open"] == 0)
    assert site.daemon.service()["peak"] > 0
    browser.do("counters-clear")
    assert site.daemon.service()["peak"] == 0
    assert browser.complaints() == []


def upgrade(site: Site, browser: Browser) -> None:
    """Its page goes on by itself until the new generation is there, to which one has to log in."""
    before = site.daemon.master
    browser.go("/upgrade")
    with connect(site.service) as client:
        name = read_line(client)
        browser.do("upgrade", sure=True)
        assert "under way" in browser.text
        browser.find('input[name="password"]')
        assert site.daemon.master != before
        client.sendall(b"still here\n")
        assert read_line(client) == "still here"
    assert name in names(site)
    browser.complaints()  # of the moment in which one web admin replaced the other
    browser.log_in("ann", "secret")
    browser.go("/upgrade")
    assert "upgrade committed" in browser.text


def stop(site: Site, browser: Browser) -> None:
    browser.go("/workers")
    browser.do("stop", sure=True)  # the page that follows may find the daemon gone already
    wait_until(lambda: not site.daemon.pids())


def test_whoever_may_look_sees_all_and_has_no_button(site: Site, browser: Browser) -> None:
    browser.log_in("bob", "secret")
    for path in PAGES.values():
        browser.go(path)
        assert "bob (may look)" in browser.text, path
    assert browser.commands == set()
    assert browser.complaints() == []
    browser.press(browser.find("form[action='/logout']"), "Log out")
    assert browser.path == "/login"
    browser.go("/")
    assert browser.path == "/login"


def test_without_scripts_everything_can_be_read_and_done(site: Site, browser: Browser) -> None:
    browser.without_scripts()
    browser.log_in("ann", "secret")
    browser.follow("web")
    browser.do("host-down", B, reason="no script")
    assert "no script" in browser.text
    browser.do("host-down", A, sure=True)
    assert {site.daemon.host(name)["state"] for name in "ab"} == {"maint"}
    browser.go("/journal")
    assert "no script" in browser.text


def test_a_page_that_is_open_becomes_what_it_would_be_and_keeps_what_is_typed(site: Site, browser: Browser) -> None:
    def rows() -> list[str]:
        script = "return [...document.querySelectorAll('main tr[data-key], main li[data-key]')].map(e => e.dataset.key)"
        found: list[str] = browser.driver.execute_script(script)
        return found

    site.daemon.ctl("host-add", "web", "main", "c", free_address())
    browser.log_in("ann", "secret")
    browser.follow("web")
    form = browser.form("host-down", B)
    browser.fill(form, reason="typed")
    assert site.daemon.ctl("host-add", "web", "main", "d", free_address()).exit == 0
    assert site.daemon.ctl("host-del", "web", "main", "c").exit == 0
    wait_until(lambda: rows() == ["a", "b", "d", "n"])
    assert form.find_element("name", "reason").get_attribute("value") == "typed" and form.is_displayed()
    assert site.daemon.ctl("host-down", "web", "main", "b", "--reason", "by another").exit == 0
    wait_until(lambda: "by another" in browser.text)
    assert form.find_element("name", "reason").get_attribute("value") == "typed" and form.is_displayed()
    browser.do("host-up", B)  # the button came with the state
    assert site.daemon.host("b")["state"] == "up"
    moved = site.config.replace('<host name="a"', '<host name="z"')
    assert moved != site.config and site.daemon.reload(moved).exit == 0
    wait_until(lambda: "z" in rows() and "a" not in rows())
    assert site.daemon.ctl("service-add", "more", free_address()).exit == 0
    browser.go("/")
    assert rows() == ["web", "more"]
    assert site.daemon.ctl("service-del", "more").exit == 0
    wait_until(lambda: rows() == ["web"])
    hub = site.daemon.hub()
    site.daemon.kill(hub, signal.SIGSTOP)
    wait_until(lambda: "the hub does not answer" in browser.text, timeout=8)
    site.daemon.kill(hub, signal.SIGCONT)
    wait_until(lambda: not browser.find(".trouble").is_displayed())
    assert browser.complaints() == []


def test_pages_fit_screens_of_any_width_whatever_things_are_called(site: Site, browser: Browser) -> None:
    long = "a_name_that_goes_on_and_on_and_has_no_place_to_break"
    host = ("host-add", "web", long, f"{long}.example", free_address())
    for words in (("service-add", long, free_address()), ("group-add", "web", long, "random"), host):
        assert site.daemon.ctl(*words).exit == 0
    assert site.daemon.ctl("host-down", "web", "main", "b", "--reason", "its disk, of which " * 5).exit == 0
    site.daemon.configure(site.daemon.config_file.read_text().replace('name="next"', 'name="later"'))
    browser.log_in("ann", "secret")
    misfits = []
    for path in (*PAGES.values(), f"/service/{long}"):
        browser.go(path)
        for width in (320, 390, 768, 1024, 1280):
            misfits += browser.misfits(width)
    assert misfits == []


def test_no_page_keeps_anybody_out_and_all_have_their_picture(site: Site, browser: Browser) -> None:
    """With DIRECTOR_PICTURES=FOLDER the pictures stay, as `make pictures` wants them."""
    folder = Path(os.environ.get("DIRECTOR_PICTURES") or site.daemon.folder / "pictures")
    folder.mkdir(exist_ok=True)
    client = furnish(site)
    give_an_hour(site.daemon)  # by another hub, whom a page that is live would miss for a moment
    browser.go("/login")
    faults = browser.faults()
    browser.log_in("ann", "secret")
    for path in ("/", "/service/web"):
        wait_until(partial(is_drawn, site, path))
    for name, path in PAGES.items():
        browser.go(path)
        for details in browser.driver.find_elements("css selector", "details"):
            browser.driver.execute_script("arguments[0].open = true", details)
        faults += browser.faults()
        browser.emulate(prefers_color_scheme="dark")
        faults += browser.faults()
        browser.emulate(prefers_color_scheme="light")
        browser.driver.execute_script("document.querySelectorAll('details').forEach(one => one.open = false)")
        browser.picture(folder / f"{name}.png")
    browser.emulate(prefers_color_scheme="dark")
    browser.go("/service/web")
    browser.picture(folder / "phone-dark.png", width=420)
    assert faults == []
    assert browser.complaints() == []
    assert all((folder / f"{name}.png").stat().st_size > 5000 for name in PAGES)
    client.close()


def is_drawn(site: Site, path: str) -> bool:
    """Whether the charts of this page have an hour in them."""
    return site.ask(path)[1].count("L") > 100


def furnish(site: Site) -> socket.socket:
    """Something to look at: a service more, changes, traffic, and a client that stays."""
    for words in (
        ("service-add", "mail", free_address(), "main", "leastconns"),
        ("host-add", "mail", "main", "m1", str(site.daemon.host("a")["ip"])),
        ("host-weight", "web", "main", "a", "2"),
        ("host-down", "web", "main", "b", "--reason", "new disk", "--for", "30m"),
    ):
        assert site.daemon.ctl(*words).exit == 0
    for _ in range(60):
        ask_name(site.service)
    site.daemon.configure(site.config.replace('name="a"', 'name="a" maxconn="200"'))
    return socket.create_connection(site.service.split(":"), timeout=10)  # type: ignore[arg-type]
