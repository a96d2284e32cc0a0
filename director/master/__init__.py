"""The master: owns sockets, children and signals; one thread, no gevent, no ZeroMQ.

start.py       from a checked config to a running Master;  recall.py what runs then
run.py         the Master: its life, and who does what in it
stage.py       that life, as a table;  signals.py what each signal does
changing.py    changes of what runs;  loading.py by whole config texts
journal.py     remembers them;  records.py what stands there
openings.py    listeners, logs and admins that come and go with them;  seats.py workers that do
family.py      its children: links, orders, reports
supervisor.py  who lives, who comes back, who covers for whom;  vitals.py whose time it was (both pure)
child.py       how a process is born
checker.py     a config read by a child without rights;  needs.py what it needs of this machine
listeners.py   the listening sockets, one per worker slot;  adoption.py those of systemd
admins.py      what web admins need;  selfsigned.py a certificate for one
controls.py    the control sockets
logfiles.py    what the logs go to;  rotation.py files that were moved away
upgrade.py     the old side of an upgrade;  candidate.py the new side;  bond.py the link between them
preflight.py   tries the new version;  handover.py what it is left;  invocation.py how it is called
retirement.py  a master that is replaced;  retirees.py all of them, as the next one sees them
loop.py        the event loop
lock.py        the lock file;  pidfile.py the pid file;  upkeep.py makes them again
readiness.py   what `start` hears;  launcher.py one pid in the foreground;  notify.py what systemd hears
stopping.py    ending a daemon from outside
system.py      the kernel as the master sees it;  cgroup.py how many processors it lets us use
"""
