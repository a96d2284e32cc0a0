"""A newcomer follows the page on getting started to the letter, with nothing installed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.docs.pages import ROOT
from tests.system.following import follow

SOURCES = ("director", "workers", "control", "pyproject.toml", "setup.py", "constraints.txt", "README.md", "LICENSE")


def test_getting_started_ends_with_traffic_balanced_upgraded_and_scraped(tmp_path: Path) -> None:
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    said = follow("getting-started.md", tmp_path, installed=False).splitlines()
    assert said.count("one") > 1 and said.count("two") > 1, "asked at their own doors, and then by the balancer"
    assert said.count("one") + said.count("two") == 24
    assert "exit status 78" in said
    assert "exit status 3" in said
    assert "host 'one' of web/main is in maint" in said
    assert "host 'one' of web/main is back from maint" in said
    assert any(line.startswith("director_host_sessions_total{") for line in said)
    assert any(line.startswith("service web 127.") for line in said)
    assert any(line.startswith("upgraded to version") for line in said)
