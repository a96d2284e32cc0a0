"""Whether a host can be checked in the way that the config wants."""

from __future__ import annotations

from director.config.model import Check, Endpoint

REMEDY = "write both address and port, or neither"


def misfit(check: Check | None, ip: Endpoint) -> str | None:
    """Why the check can't be made of a host that is there; None: it can. A unix host has nothing to complete it."""
    if check is None or not ip.path or (check.address is None) is (check.port is None):
        return None
    if check.address is None:
        return f"goes to port {check.port}, and {ip} has no address"
    return f"goes to {check.address}, and {ip} has no port"
