"""The hub process and its clients.

hub.py        what all workers do, in one place
bus.py        its end of the state channel
totals.py     counts of the living and the dead;  memory.py what outlives the hub
resolver.py   where hosts are;  prober.py whether they are back;  verdicts.py who is up
stats.py      all of it as one document
server.py     the control socket;  rights.py who may what
commands.py   what can be asked;  arguments.py words into arguments
client.py     asking;  cli.py directorctl;  render.py answers as text
"""
