"""The master: owns sockets, children and signals; one thread, no gevent, no ZeroMQ."""
