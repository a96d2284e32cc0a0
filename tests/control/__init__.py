"""Tests of the package control.

hubs.py      a hub that does what a test tells it
serving.py   a control socket over such a hub, in a thread of its own
"""
