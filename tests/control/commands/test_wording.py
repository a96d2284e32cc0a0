"""Words of a command as values."""

from __future__ import annotations

import pytest

from control.commands.command import CommandError
from control.commands.wording import attribute, read_duration, read_rate


def test_words_mean_what_they_mean_in_the_config_file() -> None:
    assert str(attribute("host", "ip", "LOCALHOST:80")) == "localhost:80"
    assert attribute("host", "maxconn", "none") is None
    assert read_duration("--for", "30m") == 1800.0
    assert [read_rate("--rate", text) for text in ("5/s", "5", "30/m", "0.25/s")] == [5.0, 5.0, 0.5, 0.25]


def test_a_relative_path_has_no_folder_to_start_at() -> None:
    assert attribute("listen", "ip", "unix:/run/web.sock").path == "/run/web.sock"
    for element in ("listen", "host"):
        with pytest.raises(CommandError, match=r"bad ip 'unix:web\.sock': a relative path; write it from the root"):
            attribute(element, "ip", "unix:web.sock")


def test_a_bad_word_is_told_with_the_remedy() -> None:
    with pytest.raises(CommandError, match="bad ip 'x:99999': port 99999 is out of range; use a port from 1 to 65535"):
        attribute("host", "ip", "x:99999")
    with pytest.raises(CommandError, match="bad --for 'soon'"):
        read_duration("--for", "soon")
    with pytest.raises(CommandError, match="bad --rate '5/day': not a rate; write how many a second"):
        read_rate("--rate", "5/day")
