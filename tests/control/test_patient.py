"""One host whose health is followed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control.chart import Chart
from control.patient import Patient
from director.addresses import literal
from director.config.model import Check, Endpoint, Group, Host, Service
from director.scheduling.health import Health, Rules, Source
from director.scheduling.ward import Ward

HERE = Endpoint("127.0.0.1", 80)


def patient(check: Check | None = None, ip: Endpoint = HERE, origin: Endpoint | None = None) -> Patient:
    host = Host(name="a", ip=ip, number=3)
    health = Health(0.0, Rules.of(check, 5.0))
    made = Patient(
        Service(name="web"),
        Group(name="main", hosts=(host,)),
        host,
        check,
        health,
        Chart(since=7.0, errno="ECONNREFUSED"),
        Ward(0, {3: health}),
        literal(ip),
        Host(name="a", ip=origin) if origin else host,
    )
    assert made.label == "web/main/a"
    return made


@pytest.mark.parametrize(
    ("check", "ip", "origin", "where", "name"),
    [
        (None, HERE, None, ("127.0.0.1", 80), "127.0.0.1:80"),
        (Check(port=99), HERE, None, ("127.0.0.1", 99), "127.0.0.1:80"),
        (Check(address="10.0.0.9"), HERE, None, ("127.0.0.1", 80), "127.0.0.1:80"),
        (None, Endpoint(path="/run/a.sock"), None, "/run/a.sock", "localhost"),
        (None, HERE, Endpoint("pool.test", 80), ("127.0.0.1", 80), "pool.test:80"),
    ],
)
def test_a_check_goes_to_the_port_that_it_has_or_the_host_s_and_calls_the_host_as_the_config_does(
    check: Check | None, ip: Endpoint, origin: Endpoint | None, where: object, name: str
) -> None:
    job = patient(check, ip, origin).job(literal(ip) or ())
    assert ([address for _, address in job.addresses], job.name) == ([where], name)


def test_a_job_is_made_again_only_for_other_addresses() -> None:
    one, known = patient(), literal(HERE) or ()
    assert one.job(known) is one.job(known)
    assert one.job(literal(Endpoint("127.0.0.2", 80)) or ()).addresses[0][1] == ("127.0.0.2", 80)


def test_an_outage_has_the_number_of_its_error_only_if_somebody_gave_it() -> None:
    one = patient()
    refused = one.outage(10.0, 12.34, "refused", Source.TRAFFIC)
    assert (refused["seconds"], refused["errno"], refused["by"]) == (2.3, "ECONNREFUSED", "traffic")
    assert one.outage(10.0, 12.0, "no address", Source.NONE)["errno"] == ""


def test_who_is_down_when_the_daemon_ends_is_known_by_name() -> None:
    assert patient().fallen() == ["web/main/a", "127.0.0.1:80", 7.0, "ECONNREFUSED", "", "", 0, False]


@pytest.mark.parametrize(
    ("of_host", "of_service", "check", "source"),
    [
        (None, None, None, None),
        (None, "10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.2", "10.0.0.1", Check(port=99), "10.0.0.2"),
        ("10.0.0.2", None, Check(address="10.0.1.1"), None),
    ],
)
def test_a_check_comes_from_where_connections_come_from_if_it_goes_where_they_go(
    of_host: str | None, of_service: str | None, check: Check | None, source: str | None
) -> None:
    one = patient(check)
    one.host = replace(one.host, source=of_host)
    one.service = replace(one.service, source=of_service)
    assert one.job(literal(HERE) or ()).source == source
