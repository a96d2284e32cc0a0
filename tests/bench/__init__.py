"""Speed, side by side: director and its peers under the same load on the same cores.

    __main__    arguments, start and end of everything
    scenarios   what is measured: which load, which figures, in alternating rounds
    peers       the balancers: how each is configured, started, found in /proc
    naive       the peer of our own: two greenlets a connection
    hosts       what the balancers hand connections to: echo, web page, endless bytes
    load        what clients do: short connections, requests, bulk, open-loop arrivals
    wrk         a load of others' making
    children    the processes that run hosts and load, and the end of them all
    measure     CPU and memory of processes from /proc, the cores that each side gets
    estimates   medians, percentiles, ratios with their interval
    syscalls    what one short connection asks of the kernel, by strace
    report      the table, the JSON
    page        the part of docs/performance.md that is measured

How to read the figures: CPU per operation is what a proxy costs, and holds
even when the load generator is slower than the proxy. A rate that the
generator limited is marked as a lower bound.
"""
