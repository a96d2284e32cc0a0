"""Who connected, and what the config lets them do."""

from __future__ import annotations

import grp
import os
import pwd
import socket

import pytest

from control.rights import Peer, access_of, grants, name_of, peer_of
from director.access import Access
from director.config.model import Control

FULL, READONLY = Access.FULL, Access.READONLY
OWN_GROUP = grp.getgrgid(os.getgid())


def test_the_kernel_says_who_connected() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = peer_of(ours)
    assert (peer.pid, peer.uid) == (os.getpid(), os.getuid())
    assert peer.gids == {os.getgid(), *os.getgroups()}


@pytest.mark.parametrize(
    ("uid", "gids", "access"),
    [
        (0, {0}, FULL),
        (1000, {1000}, FULL),  # who started the daemon
        (1001, {1001}, None),
        (1001, {1001, 50}, READONLY),
        (1001, {1001, 60}, FULL),
        (1001, {50, 60}, FULL),
    ],
)
def test_root_and_the_owner_may_all_others_by_group(uid: int, gids: set[int], access: Access | None) -> None:
    peer = Peer(1, uid, frozenset(gids))
    assert access_of(peer, 1000, lambda: {50: READONLY, 60: FULL}) is access


def test_root_gets_in_when_groups_cannot_be_looked_up() -> None:
    def broken() -> dict[int, Access]:
        raise AssertionError

    assert access_of(Peer(1, 0, frozenset()), 1000, broken) is FULL


@pytest.mark.parametrize("group", [OWN_GROUP.gr_name, str(OWN_GROUP.gr_gid)])
def test_groups_of_the_config_are_found_by_name_and_number(group: str) -> None:
    assert grants([Control(group=group, access=READONLY)]) == {OWN_GROUP.gr_gid: READONLY}


@pytest.mark.parametrize("accesses", [(FULL, READONLY), (READONLY, FULL)])
def test_of_two_words_about_a_group_the_larger_counts(accesses: tuple[Access, ...]) -> None:
    controls = [Control(group=OWN_GROUP.gr_name, access=access) for access in accesses]
    assert grants(controls) == {OWN_GROUP.gr_gid: FULL}


def test_a_group_that_is_not_there_or_not_named_grants_nothing() -> None:
    assert grants([Control(group="no-such-group-here"), Control()]) == {}


def test_a_peer_is_called_by_its_users_name() -> None:
    root = Peer(1, 0, frozenset())
    assert name_of(root) == pwd.getpwuid(0).pw_name


def test_a_user_without_a_name_is_called_by_number() -> None:
    assert name_of(Peer(1, 3_999_999_999, frozenset())) == "uid 3999999999"
