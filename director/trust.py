"""Whose certificates are trusted: those of a file, or those that the system trusts."""

from __future__ import annotations

import ssl


def trusting(ca: str | None) -> ssl.SSLContext:
    """What a client verifies hosts by. Raises OSError that says which file can't be used, and why."""
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise OSError(0, f"can't use {ca}: {(error.reason or str(error)).lower().replace('_', ' ')}") from None
    except OSError as error:
        raise OSError(error.errno, f"can't use {ca}: {error.strerror}") from None
