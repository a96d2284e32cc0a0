"""TLS from open files. Serving is seen in tests/system/test_web.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from control.web.listening import context
from director.errors import RefusedError
from director.master import selfsigned


def test_a_certificate_comes_from_an_open_file(tmp_path: Path) -> None:
    path = selfsigned.path(str(tmp_path))
    selfsigned.ensure(path)
    fd = os.open(path, os.O_RDONLY)
    assert context(fd, fd, (path, path)).minimum_version.name == "TLSv1_2"
    os.close(fd)


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("rubbish")
    fd = os.open(tmp_path / "x.pem", os.O_RDONLY)
    with pytest.raises(RefusedError, match=r"can't use certificate x\.pem"):
        context(fd, fd, ("x.pem", "x.pem"))
    os.close(fd)
