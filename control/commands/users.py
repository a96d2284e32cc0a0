"""Commands about users of the web admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from control.commands.command import (
    DRY_RUN,
    Args,
    Argument,
    Command,
    CommandError,
    Document,
    ErrorKind,
    Hub,
    Names,
    Option,
    Section,
)
from control.commands.ordering import changed
from director.access import Access
from director.printable import quoted

if TYPE_CHECKING:
    from director.messages import Actor


def users(hub: Hub, args: Args, actor: Actor) -> Document:
    """Who may use which web admin, and which have a users file, which only the web admin can read, with others."""
    found = [
        {"name": user.name, "access": user.access.value, "admin": str(admin.listen)}
        for admin in hub.running.config.admins
        for user in admin.users
    ]
    admins = hub.running.config.admins
    files = [{"admin": str(admin.listen), "path": admin.users_file} for admin in admins if admin.users_file]
    return {"users": found, "files": files}


def user_add(hub: Hub, args: Args, actor: Actor) -> Document:
    """A user of one web admin, or of all. `password` is the word's hash, made by the client."""
    from director.config.model import User
    from director.config.values import is_hash
    from director.messages import UserAdd

    if args["access"] not in ACCESS.choices:
        raise CommandError(ErrorKind.USAGE, f"access can't be {quoted(args['access'])}, only full or readonly")
    password = args["password"] or ""
    if not is_hash(password):
        raise CommandError(ErrorKind.REFUSED, "can't add a user: its password must be a hash, by password-hash")
    user = User(name=args["name"], password=password, access=Access(args["access"]))
    return changed(hub, UserAdd(user, args["admin"] or ""), actor, args)


def user_del(hub: Hub, args: Args, actor: Actor) -> Document:
    """A user less, of all web admins."""
    from director.messages import UserDelete

    return changed(hub, UserDelete(args["name"]), actor, args)


ACCESS = Argument("access", "full|readonly", Names.VALUE, choices=("full", "readonly"))

ROWS: tuple[Command, ...] = (
    Command("users", Section.USERS, "who may use the web admins; of users files, which there are", users),
    Command(
        "user-add",
        Section.USERS,
        "let somebody use the web admins; the password comes by prompt, or as a line of stdin",
        user_add,
        (Argument("name", "NAME", Names.VALUE), ACCESS),
        (
            Option("admin", "only the one that listens there", metavar="LISTEN"),
            Option("password", "its hash, instead of asking", metavar="HASH"),
            DRY_RUN,
        ),
        Access.FULL,
    ),
    Command(
        "user-del",
        Section.USERS,
        "let somebody use the web admins no more",
        user_del,
        (Argument("name", "NAME", Names.USER),),
        (DRY_RUN,),
        Access.FULL,
    ),
)
