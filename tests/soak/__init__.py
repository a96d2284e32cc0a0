"""Faults at full length, for `make soak`: what takes too long to be tried on every change.

In short form the same stands in `tests/system`. Nothing here needs root or a
service manager; what the kernel does not let us do is skipped and said.
"""
