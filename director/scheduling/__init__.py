"""Who gets the next connection. All pure: time and randomness come in as arguments.

policies.py    the schedulers by name;  bag.py draws hosts by weight;  hashring.py hashes clients to them
own.py         users' own schedulers
scheduler.py   one group's: a policy, sticky or not, and whom it may choose;  explain.py why it chose
scoreboard.py  who is busy;  herd.py keeps workers from all choosing the same host
health.py      who is up;  ward.py the hosts of one group together;  slowstart.py those that came back
sticky.py      clients that return to the host they had
permits.py     limits over all processes, in a worker;  ledger.py in the hub;  branch.py under that of a new generation
drain.py       who may go on, who is closed next
pace.py        how soon others are told what changed
"""
