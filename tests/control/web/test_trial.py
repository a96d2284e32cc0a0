"""Whether the web admin could use the files of an admin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control.web.trial import faults
from director.config.model import Admin, Endpoint
from director.master import selfsigned

HASH = "iy9l0V1MkG1DE"


@contextmanager
def opened(*paths: Path) -> Iterator[dict[str, int]]:
    files = {str(path): os.open(path, os.O_RDONLY) for path in paths}
    yield files
    for fd in files.values():
        os.close(fd)


def test_users_and_certificate_are_read_as_web_does(tmp_path: Path) -> None:
    users, cert = tmp_path / "users.yaml", tmp_path / selfsigned.NAME
    selfsigned.ensure(str(cert))
    named = Admin(listen=Endpoint("*", 1), users_file=str(users), secure=True, cert=str(cert))
    made = Admin(listen=Endpoint("*", 1), secure=True)
    users.write_text(f'- {{name: ann, password: "{HASH}", access: full}}\n')
    with opened(users, cert) as files:
        assert not list(faults(named, files))
        assert not list(faults(made, files))
        users.write_text(f'- {{name: ann, password: "{HASH}", access: root}}\n')
        cert.write_text("junk")
        bad_users, bad_cert = faults(named, files)
        assert bad_users == f"can't read {users}: entry 1: access must be full or readonly"
        assert bad_cert.startswith(f"can't use certificate {cert} with key {cert}: ")
        assert list(faults(made, files)) == [bad_cert]


def test_what_could_not_be_opened_is_not_judged(tmp_path: Path) -> None:
    admin = Admin(listen=Endpoint("*", 1), users_file="/no-such", secure=True, cert="/no-such")
    assert not list(faults(admin, {}))
    assert not list(faults(Admin(listen=Endpoint("*", 1), secure=True), {}))
