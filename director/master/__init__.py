"""The master: owns sockets, children and signals; one thread, no gevent, no ZeroMQ.

start.py       from a checked config to a running Master
run.py         the Master: stop, changes, reload
stage.py       its life, as a table
family.py      its children: links, orders, reports
supervisor.py  who lives, who comes back, who covers for whom (pure)
child.py       how a process is born
checker.py     a config read by a child without rights
listeners.py   the listening sockets, one per worker slot
loop.py        the event loop
lock.py        the lock file;  pidfile.py the pid file
readiness.py   what `start` hears;  stopping.py ending a daemon from outside
system.py      the kernel as the master sees it;  cgroup.py how many processors it lets us use
"""
