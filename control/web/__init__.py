"""The web admin: a process of its own, without rights, and a client of the hub.

    run        the process: orders of the master, readiness, its end
    listening  HTTP and HTTPS servers on the sockets that the master opened
    app        who asks, what for, and the page or the refusal
    legacy     the calls of the ancestors, with their old answers
    running    /running.txt and /running.xml
    accounts   users and their passwords
    logins     who is logged in, and who has failed too often
    inquiry    asking the hub, for somebody
    assets     templates and static files, read while they may still be read

No page decides who may do what: the hub does, by its command table.
"""
