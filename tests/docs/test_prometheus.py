"""The alerts and the dashboard in etc/ ask for what director tells, in words that Prometheus understands."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from control.prometheus import exposition
from tests.control import hubs
from tests.system.peers import need

ETC = Path(__file__).parents[2] / "etc"
ALERTS, DASHBOARD = ETC / "prometheus-alerts.yaml", ETC / "grafana-dashboard.json"
_METRIC = re.compile(r"\bdirector_[a-z_]+\b")
_MATCHER = re.compile(r"\b(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_ADDED = {"instance", "job", "le"}  # by Prometheus itself


def exposed() -> str:
    host = hubs.host("a", tls_expiry_days=90.0)
    stats = {**hubs.stats(), "services": [hubs.service("web", hubs.group("main", host))]}
    stats["services"][0]["maxconn"] = host["maxconn"] = 100
    return "".join(f"{line}\n" for line in exposition(stats))


def known() -> dict[str, set[str]]:
    """The labels of each series, by its name."""
    samples = (sample for family in text_string_to_metric_families(exposed()) for sample in family.samples)
    found: dict[str, set[str]] = {}
    for sample in samples:
        found.setdefault(sample.name, set()).update(sample.labels)
    return found


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts())
    dashboard = json.loads(DASHBOARD.read_text())
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ()))


def test_every_series_and_label_they_ask_for_is_told() -> None:
    series = known()
    for expression in expressions():
        asked = _METRIC.findall(expression)
        assert asked, expression
        for name in asked:
            assert name in series, f"{name} of {expression}"
        labels = set().union(*(series[name] for name in asked)) | _ADDED
        assert set(_MATCHER.findall(expression)) <= labels, expression
        for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
            assert set(re.split(r",\s*", grouping)) <= labels, expression


def test_panels_and_rules_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names) >= 10
    assert all({"severity"} == set(rule["labels"]) and rule["annotations"]["summary"] for rule in alerts())
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_prometheus_itself_understands_them(tmp_path: Path) -> None:
    promtool = need("promtool", "prometheus")
    done = subprocess.run([promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    rules = [{"record": f"panel:{n}", "expr": _filled(one)} for n, one in enumerate(expressions())]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _filled(expression: str) -> str:
    """As Grafana fills it in."""
    return expression.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$service", ".*")


def test_prometheus_itself_raises_them_when_it_should(tmp_path: Path) -> None:
    promtool = need("promtool", "prometheus")
    labels = 'service="web",group="main"'
    series = {
        f"director_group_enabled{{{labels}}}": "1x10",
        f"director_group_active_servers{{{labels}}}": "2 2 0x8",
        f"director_group_backup_servers{{{labels}}}": "0x10",
        f'director_host_status{{{labels},host="a",state="down"}}': "0 1x9",
        'director_service_current_sessions{service="web"}': "95x10",
        'director_service_limit_sessions{service="web"}': "100x10",
        'director_service_request_errors_total{service="web"}': "0x10",
    }
    raised = ("DirectorGroupWithoutHosts", "DirectorHostDown", "DirectorNearLimit", "DirectorGone")
    quiet = ("DirectorClientsRefused", "DirectorClientsWait")
    test = {
        "rule_files": [str(ALERTS)],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
                        "eval_time": "9m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if name in raised else [],
                    }
                    for name in (*raised, *quiet)
                ],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test))
    done = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
