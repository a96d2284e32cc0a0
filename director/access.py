"""What a user may do. Apart from the rest of the config, since `directorctl` knows it at every call."""

from __future__ import annotations

from enum import StrEnum


class Access(StrEnum):
    """Look, or also change."""

    FULL = "full"
    READONLY = "readonly"
