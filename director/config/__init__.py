"""config.xml as values. All pure: text and facts come in, values go out.

model.py      the nouns: Config, Service, Listen, Group, Host, Check, ...
schema.py     the grammar as a table: elements, attributes, kinds of value
values.py     kinds of value: text <-> durations, numbers, words, schedulers
addresses.py  more of them: paths and addresses
document.py   bytes -> a tree of elements, whatever the bytes are
ancestors.py  the ancestors' trees -> ours
reader.py     bytes -> Config and Problems
writer.py     Config -> bytes that read back as the same Config
manuscript.py a text taken apart without loss: what is written, and what stands between
scribe.py     Config -> the text that it came from, with what differs put in
lookup.py     finding things by name, and what was meant by a wrong one
numbers.py    the number of each service, group and host
changes.py    what an operator can do to a running Config
departures.py whose connections are to end then, and by when
plan.py       two Configs -> the steps between them
"""
