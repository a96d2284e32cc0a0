"""What whoever may only look does not get to see: hashes of passwords, by which these could be guessed.

In their places stands what has the form of a hash and is that of no password, so
that a config stays a config.
"""

from __future__ import annotations

import re
from dataclasses import replace

from director.config.model import Config

LOCKED = "." * 13
# Also where the quotes were forgotten: a file that is not yet right is shown, too.
_PASSWORD = re.compile(r"""(\bpassword\s*=\s*)(?:"[^"]*"|'[^']*'|["']?[^\s>]*)""")


def veiled(config: Config) -> Config:
    """The same without hashes."""
    admins = (
        replace(admin, users=tuple(replace(user, password=LOCKED) for user in admin.users)) for admin in config.admins
    )
    return replace(config, admins=tuple(admins))


def veiled_text(text: str) -> str:
    """What somebody wrote as a config, without hashes, in comments neither."""
    # Of two bytes a letter, in a file that does not say so, one is 0.
    return _PASSWORD.sub(rf'\1"{LOCKED}"', text.replace("\0", ""))
