"""Every service at a glance."""

from __future__ import annotations

from werkzeug.test import Client

from tests.control import hubs
from tests.control.web.visiting import Told, log_in


def test_each_service_tells_how_well_it_is(client: Client, told: Told) -> None:
    log_in(client)
    well = hubs.service("well", hubs.group("main", hubs.host("a")))
    ill = hubs.service(
        "ill", hubs.group("main", hubs.host("a", "down")), hubs.group("n", hubs.host("b"), enabled=False)
    )
    told.document["services"] = [well, ill]
    text = client.get("/").text
    assert '<span class="state up">1 of 1 up</span>' in text
    assert '<span class="state down">0 of 1 up</span>' in text
    assert text.count('class="spark"') == 2
    assert text.count('class="chart"') == 4


def test_many_services_come_in_parts_and_can_be_searched(client: Client, told: Told) -> None:
    log_in(client)
    told.document["services"] = [hubs.service(f"s{number}", hubs.group("main")) for number in range(200)]
    assert client.get("/").text.count('class="card"') == 60
    assert "services 181 to 200 of 200" in client.get("/?at=180").text
    assert client.get("/?find=S19").text.count('class="card"') == 11


def test_without_services_it_says_so(client: Client, told: Told) -> None:
    log_in(client)
    told.document["services"] = []
    assert "No services yet" in client.get("/").text
