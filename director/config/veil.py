"""What whoever may only look does not get to see: hashes of passwords, by which these could be guessed.

In their places stands what has the form of a hash and is that of no password, so
that a config stays a config. In a client's it means the one that runs.
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


def unveiled(config: Config, running: Config) -> Config:
    """The same with the hashes that run where they were veiled."""
    hashes = {(admin.listen, user.name): user.password for admin in running.admins for user in admin.users}
    admins = (
        replace(
            admin,
            users=tuple(
                replace(user, password=hashes.get((admin.listen, user.name), LOCKED))
                if user.password == LOCKED
                else user
                for user in admin.users
            ),
        )
        for admin in config.admins
    )
    return replace(config, admins=tuple(admins))


def veiled_text(text: str) -> str:
    """What somebody wrote as a config, without hashes, in comments neither."""
    # Of two bytes a letter, in a file that does not say so, one is 0.
    return _PASSWORD.sub(rf'\1"{LOCKED}"', text.replace("\0", ""))
