"""The hub process and its clients.

hub.py        what all workers do, in one place
bus.py        its end of the state channel
totals.py     counts of the living and the dead;  memory.py what outlives the hub
chronicle.py  what has happened
resolver.py   where hosts are
verdicts.py   who is up;  chart.py what is known of each host's health;  retries.py tests that operators want
prober.py     checks at their time;  attempt.py one of them;  dialogues.py what it says and hears
tlsclient.py  TLS for checks;  quicktls.py by sessions that are taken up;  script.py checks by a program
drains.py     what is being drained;  closing.py closes connections wherever they are;  drainage.py tells of it
stats.py      all of it as one document
haproxy.py    ... as HAProxy prints it;  prometheus.py ... as Prometheus reads it
runtimeapi.py HAProxy's phrases for our commands
server.py     the control socket;  rights.py who may what
commands.py   what can be asked;  arguments.py words into arguments
jsontext.py   documents as JSON, in pieces
client.py     asking;  waiting.py for a drain to end;  cli.py directorctl;  render.py answers as text
top.py        the live view;  topview.py what it shows
"""
