"""What can be asked of a running daemon: one function and one table row per command.

command.py   what a row is, and how commands fail
ordering.py  commands that are carried out by the master
table.py     all rows
wording.py   words of a command into values

The functions and rows, by what they are about: look.py health.py history.py events.py insight.py host.py drain.py
group.py sticky.py service.py sessions.py users.py config.py process.py log.py

Everything else follows from the table: `directorctl`'s arguments, its help,
name completion, the verbs of the line dialect and the rights that a command
needs. A function gets the hub, its arguments (all of them, with defaults filled
in) and who asks; it returns plain values with stable keys, which
`control.render` turns into text and `--json` prints as they are. One that is a
generator yields progress and returns its result.

Imported by `directorctl` at every call, so what only the hub needs is imported
inside the functions.
"""
