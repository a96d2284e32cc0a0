"""config.xml as values. All pure: text and facts come in, values go out.

    model.py    the nouns: Config, Service, Listen, Group, Host, Check, ...
    reader.py   bytes -> Config and Problems
    writer.py   Config -> bytes that read back as the same Config
    changes.py  what an operator can do to a running Config
    plan.py     two Configs -> the steps between them
"""
