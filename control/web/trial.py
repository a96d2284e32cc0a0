"""Whether the web admin could use the files of an admin, before it has to. Counterpart: `director.master.needs`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from control.web import accounts, listening
from director.config.model import Admin
from director.errors import RefusedError


def faults(admin: Admin, files: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with those of its open files, by path, that could be opened."""
    try:
        if admin.users_file and admin.users_file in files:
            accounts.read(files[admin.users_file], admin.users_file)
    except (RefusedError, OSError) as error:
        yield str(error)
    try:
        if admin.secure and files.keys() >= {*listening.pair(admin, files)}:
            listening.tls(admin, files)
    except (RefusedError, OSError) as error:
        yield str(error)
