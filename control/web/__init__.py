"""The web admin: a process of its own, without rights, and a client of the hub.

    run        the process: orders of the master, readiness, its end
    listening  HTTP and HTTPS servers on the sockets that the master opened
    head       what a request begins with, and what is no request
    app        what is asked for, and the page or the refusal
    door       who comes in, by cookie or password, and whether a change is meant
    visit      one request of somebody, and what its page is made of
    pages/     the pages, one module each
    actions    buttons: a form's command, what it would do, what came of it
    live       server-sent events, which keep pages as they are now
    charts     the last hour as SVG
    texts      what scripts read
    legacy     the ancestors' calls that change something, with their old answers
    running    /running.txt and /running.xml
    accounts   users and their passwords
    logins     who is logged in, and who has failed too often
    inquiry    asking the hub, for somebody
    answers    what is asked and answered, in HTTP's terms
    assets     templates and static files, read while they may still be read

No page decides who may do what: the hub does, by its command table.
"""
