"""Texts in, configs and problems out: what is read, and what is said of what can't be."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from director.access import Access
from director.config.model import Config, Endpoint
from director.config.reader import read
from director.errors import Severity

HOSTS = '<host name="a" ip="10.0.0.1:80"/>'


def one(inside: str = HOSTS, group: str = "", service: str = "", root: str = "director") -> str:
    return (
        f'<{root}>\n <service name="web"{service}>\n  <listen ip="*:80"/>\n'
        f'  <group name="main"{group}>{inside}</group>\n </service>\n</{root}>'
    )


def good(text: str) -> Config:
    config, problems = read(text.encode(), "c.xml", "/etc/d")
    assert config is not None, problems
    assert all(problem.severity is Severity.WARNING for problem in problems)
    return config


def errors(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    config, problems = read(data, "c.xml", "/etc/d")
    assert config is None
    return [str(problem) for problem in problems if problem.severity is Severity.ERROR]


def test_the_sample_of_the_interface_reads_as_it_says() -> None:
    config = good(
        """<director workers="4" user="root" group="root" maxconn="20000">
  <service name="web" maxconn="5000" connect-timeout="5s" idle-timeout="10m" queue-timeout="500ms">
    <listen ip="*:80"/> <listen ip="[::]:80"/> <listen ip="unix:web.sock" mode="0660"/>
    <group name="main" scheduler="leastconns,sticky" sticky-timeout="30m">
      <check type="http" path="/health" expect="200" interval="2s" timeout="1s" rise="2" fall="3"/>
      <host name="a" ip="10.0.0.1:8080" weight="0.5" maxconn="500"/>
      <host name="b" ip="app.example.com:8080"/>
      <host name="spare" ip="10.0.0.9:8080" backup="yes"/>
    </group>
    <group name="next" scheduler="roundrobin"> <host name="n1" ip="[2001:db8::1]:8080"/> </group>
    <enable group="next"/>
  </service>
  <admin listen="127.0.0.1:7001" users="users.yaml"/>
  <control group="ops" access="readonly"/>
  <logging file="director.log" level="debug" format="json"/>
  <checktime time="60"/>
</director>"""
    )
    (web,) = config.services
    main, following = web.groups
    assert (config.workers, config.maxconn, config.checktime) == (4, 20000, 60.0)
    assert (web.maxconn, web.connect_timeout, web.idle_timeout, web.queue_timeout) == (5000, 5.0, 600.0, 0.5)
    assert [str(listen.ip) for listen in web.listens] == ["*:80", "[::]:80", "unix:/etc/d/web.sock"]
    assert web.listens[2].mode == 0o660
    assert web.enabled == "next"
    assert main.scheduler == "leastconns,sticky"
    assert main.check is not None and main.check.path == "/health"
    assert [(host.name, host.weight, host.backup) for host in main.hosts] == [
        ("a", 0.5, False),
        ("b", 1.0, False),
        ("spare", 1.0, True),
    ]
    assert following.hosts[0].ip == Endpoint("2001:db8::1", 8080)
    assert config.controls[0].access is Access.READONLY
    assert config.logging.file == "/etc/d/director.log"


def test_the_first_group_is_enabled_if_none_is_named() -> None:
    assert good(one()).services[0].enabled == "main"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "c.xml"),
        ("not xml", 1, "c.xml"),
        ("<director>\n<service\n</director>", 3, "not XML"),
        ("<kartoffel/>", 1, "director"),
        (one(group=' scheduler="leastcons"'), 4, "leastconns"),
        (one(inside='<host name="a" ip="10.0.0.1:99999"/>'), 4, "99999"),
        (one(inside='<host name="a" ip="10.0.0.1"/>'), 4, "10.0.0.1"),
        (one(inside='<host name="a b" ip="10.0.0.1:80"/>'), 4, "a b"),
        (one(inside='<host name="a" ip="10.0.0.1:80" wait="3"/>'), 4, "weight"),
        (one(inside=HOSTS + HOSTS), 4, "'a'"),
        (one(inside='<host name="a" ip="1.2.3.4:80" weight="-1"/>'), 4, "weight"),
        (one(inside='<host name="a" ip="1.2.3.4:80" weight="nan"/>'), 4, "weight"),
        (one(inside='<hoost name="a" ip="1.2.3.4:80"/>'), 4, "host"),
        (one(service=' idle-timeout="5 parsecs"'), 2, "idle-timeout"),
        (one(inside='<host name="a" ip="unix:/run/a.sock" source="10.0.0.9"/>'), 4, "source of host 'a'"),
        (one(inside='<host name="a" ip="unix:/run/a.sock" fast-open="yes"/>'), 4, "fast-open of host 'a'"),
        (
            one(inside='<check port="80"/>\n<host name="a" ip="unix:/run/a.sock"/>'),
            5,
            "the check of host 'a' goes to port",
        ),
        (one().replace("</service>", '<enable group="mian"/></service>'), 5, "main"),
        (one().replace('<listen ip="*:80"/>', ""), 2, "listen"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_a_remedy(text: str, line: int, words: str) -> None:
    found = errors(text)
    assert any(error.startswith(f"c.xml:{line}:") and words in error for error in found), found


def test_two_services_at_one_address_are_an_error_but_an_overlap_is_not() -> None:
    second = '<service name="b"><listen ip="IP"/><group name="g"><host name="h" ip="1.1.1.1:1"/></group></service>'
    text = one().replace("</director>", second + "</director>")
    assert any("*:80" in error for error in errors(text.replace("IP", "*:80")))
    good(text.replace("IP", "127.0.0.1:80"))


def test_all_problems_come_at_once() -> None:
    text = one(
        inside='<host name="a" ip="x:0"/>\n<host name="a" ip="1.1.1.1:1" weight="x"/>\n<nonsense/>',
        group=' scheduler="fast"',
        service=' colour="red"',
    )
    assert len({error.split(":")[1] for error in errors(text)}) >= 3
    assert len(errors(text)) >= 5


def test_what_a_misspelt_check_may_have_is_not_judged_by_another() -> None:
    found = errors(one(inside=f'<check type="htp" path="/health" expect="200"/>{HOSTS}'))
    assert len(found) == 1 and "did you mean 'http'?" in found[0]


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><director>&b;</director>',
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><director>&x;</director>',
        '<!DOCTYPE d SYSTEM "http://example.com/x.dtd"><director/>',
    ],
)
def test_entities_and_document_types_are_refused(text: str) -> None:
    found = errors(text)
    assert found and "root:" not in " ".join(found)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe<\x00d", b"<director>\x00</director>", b'<?xml version="1.0" encoding="klingon"?><director/>']
)
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    assert errors(data)


def test_ten_megabytes_of_nested_elements_are_refused_quickly() -> None:
    began = time.process_time()
    assert errors(b"<director>" + b"<a>" * (10 * 1024 * 1024 // 3))
    assert time.process_time() - began < 10


def test_line_numbers_are_right_far_down() -> None:
    found = errors(one().replace("<service", "\n" * 100_000 + "<service", 1).replace("*:80", "*:0x"))
    assert any(error.startswith("c.xml:100003:") for error in found), found


def test_under_an_ancestors_root_unknown_things_are_warnings() -> None:
    for root in ("pdconfig", "config"):
        config, problems = read(one(service=' colour="red"', root=root).encode(), "c.xml", "/")
        assert config is not None
        assert any("colour" in str(problem) for problem in problems)


@pytest.mark.parametrize(
    "sample", sorted(Path(__file__).with_name("samples").glob("*.xml")), ids=lambda path: path.name
)
def test_every_sample_reads(sample: Path) -> None:
    config, problems = read(sample.read_bytes(), sample.name, "/")
    assert config is not None, problems
    assert config.services


@pytest.mark.parametrize("name", ["config.xml", "config-minimal.xml"])
def test_the_files_shipped_to_begin_with_read_without_a_word(name: str) -> None:
    text = (Path(__file__).parents[3] / "etc" / name).read_bytes()
    config, problems = read(text, name, "/")
    assert config is not None
    assert problems == ()


def test_ten_thousand_hosts_read_in_seconds() -> None:
    hosts = "".join(f'<host name="h{i}" ip="10.0.{i // 250}.{i % 250 + 1}:80"/>\n' for i in range(10_000))
    began = time.process_time()
    assert len(good(one(inside=hosts)).services[0].groups[0].hosts) == 10_000
    assert time.process_time() - began < 5
