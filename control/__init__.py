"""The hub process and its clients.

hub.py        what all workers do, in one place
bus.py        its end of the state channel;  upstream.py as a worker of the hub that took over
questions.py  what only workers know;  roster.py all sessions;  digests.py whether all workers know the same
totals.py     counts of the living and the dead;  rates.py made of them;  baseline.py since they were cleared
history.py    the last hour of them;  sampler.py looks at them for it
limits.py     the ledger of permits, saved and told;  fallbacks.py schedulers that failed
chronicle.py  what has happened
memory.py     what outlives the hub;  estate.py what it leaves there;  reunion.py who must be heard first by the next
resolver.py   where hosts are;  names.py what a name stands for;  lookup.py asks servers;  resolvconf.py which ones
verdicts.py   who is up;  patient.py one host;  chart.py what is known of its health;  downtime.py how long it was down
downlist.py   who is down, for the next daemon;  retries.py tests that operators want;  failback.py from the backups
prober.py     checks at their time;  attempt.py one of them;  dialogues.py what it says and hears
spares.py     sockets for the next ones;  nearness.py whether hosts take calls at once
tlsclient.py  TLS for checks;  quicktls.py by sessions that are taken up
script.py     checks by a program;  offspring.py those that run
drains.py     what is being drained;  closing.py closes connections wherever they are;  drainage.py tells of it
stats.py      all of it as one document;  edition.py made once for all who ask;  rendition.py as it is sent
usability.py  which hosts of it get connections;  consequences.py what a plan will cost by it
haproxy.py    ... as HAProxy prints it;  prometheus.py ... as Prometheus reads it
runtimeapi.py HAProxy's phrases for our commands
server.py     the control socket;  conversation.py what a client says;  rights.py who may what
turn.py       lets others have theirs in long work
commands/     what can be asked;  arguments.py words into arguments;  completion.py for shells
jsontext.py   documents as JSON, in pieces
entry.py      directorctl from its first moment;  cli.py all of it;  enclosures.py files and passwords it sends
client.py     asking;  waiting.py for a drain to end;  following.py events;  upgrading.py an upgrade
render.py     answers as text;  tables.py columns.py units.py what they are made of
top.py        the live view;  topview.py what it shows
web/          the web admin, in a process of its own
"""
