"""config.xml as values. All pure: text and facts come in, values go out.

model.py      the nouns: Config, Service, Listen, Group, Host, Check, ...
schema.py     the grammar as a table: elements, attributes, kinds of value
manual.py     what each of them is for, in words
values.py     kinds of value: text <-> durations, numbers, words, schedulers
addresses.py  more of them: paths and addresses
document.py   bytes -> a tree of elements, whatever the bytes are
ancestors.py  the ancestors' trees -> ours
reader.py     bytes -> Config and Problems
checking.py   what one element wants of another
writer.py     Config -> bytes that read back as the same Config
manuscript.py a text taken apart without loss: what is written, and what stands between
scribe.py     Config -> the text that it came from, with what differs put in
lookup.py     finding things by name, and what was meant by a wrong one
numbering.py  the number of each service, group and host
edits.py      what differs between two states, as data;  gist.py in three words;  turnover.py by identity
changes.py    what an operator can do to a running Config;  inventory.py what comes and goes by it
usability.py  what must not be done to the last host that clients have
departures.py whose connections are to end then, and by when
plan.py       two Configs -> the steps between them
merge.py      what stays of changes when the file is read again
veil.py       what whoever may only look does not see
"""
