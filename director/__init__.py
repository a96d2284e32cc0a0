"""director: a TCP load balancer for people who run services and like Python.

This package is what every process of a running director shares: the
configuration, the scheduling rules, the messages between processes and the
master itself. Its rooms:

    __main__.py   the `directord` command; the only module that knows all rooms
    entry.py      ... from its first moment;  console.py what commands say;  demo.py `directord demo`
    config/       config.xml: reader -> model -> writer, and changes to it (pure)
    scheduling/   who gets the next connection (pure);  testing.py for tests of a user's own scheduler
    plugins.py    finding those;  witness.py whose code a worker died in
    master/       the process that owns sockets, children and signals
    messages.py   everything one process says to another
    framing.py    how it is put into frames;  frames.py how those are put into bytes
    link.py       how it goes between master and child;  lifeline.py the child's end, on its loop
    channel.py    ... and between hub and workers
    members.py    hosts whose name stands for several;  addresses.py where a host is
    tally.py      what is counted;  admission.py which clients may connect
    places.py     where the files of a director lie
    backups.py    how one is written anew, and what it said before kept
    events.py     the closed list of what may stand in the log;  loglines.py how that looks there
    logs.py       what is worth a line;  outbox.py what the hub hears of it;  sink.py writes without waiting
    logtarget.py  where the log goes;  logsocket.py to a syslog
    errors.py     what can go wrong, and the exit codes that say so;  printable.py words for people
    access.py     what a user may do;  trust.py whose certificates are trusted
    version.py    which director this is

The arrow of imports: `workers -> director <- control`. Nothing here but
`__main__.py` imports either.
"""
