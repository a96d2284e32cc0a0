"""The worker process: accept -> schedule -> connect -> relay, as loop callbacks.

run.py        its life, its orders
acceptor.py   clients in
connector.py  a host for each client
relay.py      bytes in both directions;  pipe.py pipes for splice
session.py    one connection, and all of them
poller.py     the epoll under it all
services.py   what it works by
questions.py  what it answers the hub;  closings.py what it ends at the hub's word
bus.py        its end of the state channel;  tallies.py what it has counted
sockopts.py   options on bare descriptors
"""
