"""The worker process: accept -> schedule -> connect -> relay, as loop callbacks.

run.py        its life, its orders;  successor.py whether another master is on its way
acceptor.py   clients in;  waitqueue.py those that wait for a permit
connector.py  a host for each client;  cuts.py connections that were cut, and still count
relay.py      bytes in both directions;  pipe.py pipes for splice
session.py    one connection, and all of them;  roster.py as rows
poller.py     the epoll under it all;  precision.py how exactly it keeps time
services.py   what it works by;  schedulings.py makes schedulers;  budget.py the time that a user's own has
questions.py  what it answers the hub;  closings.py what it ends at the hub's word
bus.py        its end of the state channel;  digest.py what it knows, in short
tallies.py    what it has counted;  streaks.py what went well between two faults
connlog.py    the connection log
sockopts.py   options on bare descriptors
"""
