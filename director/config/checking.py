"""What one element of a config wants of another, in a file and in a change alike."""

from __future__ import annotations

from director.config.model import Admin, Check, Config, Endpoint

REMEDY = "write both address and port, or neither"


def misfit(check: Check | None, ip: Endpoint) -> str | None:
    """Why the check can't be made of a host that is there; None: it can. A unix host has nothing to complete it."""
    if check is None or not ip.path or (check.address is None) is (check.port is None):
        return None
    if check.address is None:
        return f"goes to port {check.port}, and {ip} has no address"
    return f"goes to {check.address}, and {ip} has no port"


def deserted(config: Config) -> Admin | None:
    """An admin that nobody may use: no file may say that; None if there is none."""
    return next((admin for admin in config.admins if not admin.users and not admin.users_file), None)
