"""What is made from the code is up to date, and the schema takes what the reader takes."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
from pathlib import Path

import pytest

from director.errors import Exit
from tests.docs.pages import PAGES, ROOT, blocks
from tests.system.peers import need

SAMPLES = [block for page in PAGES for block in blocks(page) if block.language == "xml" and "<director" in block.text]


def test_what_is_made_from_the_code_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(ROOT / "docs" / "reference.py"))["main"]
    assert main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("text", [block.text for block in SAMPLES], ids=[str(block) for block in SAMPLES])
def test_the_relax_ng_schema_takes_every_sample(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.xml"
    file.write_text(text)
    command = [need("xmllint", "libxml2-utils"), "--noout", "--relaxng", str(ROOT / "etc" / "director.rng"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_editor_finds_the_schema_by_the_hint_of_the_manual(tmp_path: Path) -> None:
    (hinted,) = (block.text for block in blocks(ROOT / "docs" / "configuring.md") if "<?xml-model" in block.text)
    shipped = (ROOT / "etc/packages/debian/config.xml").read_text()
    hint = re.findall(r"<\?xml-model .*\?>", hinted)
    assert hint == re.findall(r"<\?xml-model .*\?>", shipped)
    assert 'href="file:///usr/share/xml/director/director.rng"' in hint[0]
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_text(hinted)
    bad.write_text(hinted.replace("<host ", '<host wait="5" '))
    catalog = {**os.environ, "XML_CATALOG_FILES": str(ROOT / "etc" / "catalog.xml")}
    for schema in (str(ROOT / "etc" / "director.rng"), "urn:director:config"):
        command = [need("xmllint", "libxml2-utils"), "--noout", "--nonet", "--relaxng", schema]
        assert subprocess.run([*command, str(good)], env=catalog, capture_output=True, timeout=60).returncode == 0
        done = subprocess.run([*command, str(bad)], env=catalog, capture_output=True, text=True, timeout=60)
        assert done.returncode == 3
        assert "Invalid attribute wait" in done.stderr


def test_every_signal_and_every_exit_status_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "command-reference.md").read_text()
    heard = set(re.findall(r"signal\.SIG(\w+):", (ROOT / "director/master/signals.py").read_text())) - {"CHLD"}
    table = reference.partition("| signal to the master |")[2].partition("\n\n")[0]
    assert set(re.findall(r"[A-Z]{2,}[12]?", table)) == heard
    table = reference.partition("| exit |")[2].partition("\n\n")[0]
    assert {int(status) for status in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {int(one) for one in Exit}
