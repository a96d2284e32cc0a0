"""director: a TCP load balancer for people who run services and like Python.

This package is what every process of a running director shares: the
configuration, the scheduling rules, the messages between processes and the
master itself. Its rooms:

    __main__.py   the `directord` command; the only module that knows all rooms
    entry.py      ... from its first moment
    config/       config.xml: reader -> model -> writer, and changes to it (pure)
    scheduling/   who gets the next connection (pure)
    master/       the process that owns sockets, children and signals
    messages.py   everything one process says to another
    framing.py    how it is put into frames
    frames.py     how those are put into bytes
    places.py     where the files of a director lie
    backups.py    how one is written anew, and what it said before kept
    events.py     the closed list of what may stand in the log
    logs.py       where the log goes;  outbox.py what the hub hears of it
    errors.py     what can go wrong, and the exit codes that say so

The arrow of imports: `workers -> director <- control`. Nothing here but
`__main__.py` imports either.
"""
