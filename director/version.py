"""Which director this is; said by `version`, `--version` and the stats."""

VERSION = "0.1.0"
