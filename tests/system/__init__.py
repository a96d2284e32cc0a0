"""Real processes, real sockets: what users get.

daemon.py      a director of its own for one test, and what one does to it
configs.py     config.xml in a few words
addresses.py   addresses that nobody else uses, and connecting to them
hosts.py       the servers behind it: echo, named, digest, source
load.py        clients: short requests, long streams with a checksum
waiting.py     until something is so
peers.py       programs from elsewhere that a test needs
"""
