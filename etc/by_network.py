"""An example of a scheduler of your own: clients of one network have hosts of their own.

In config.xml, with this file beside it:

    <group name="main" scheduler="python:by_network:ByNetwork">
      <host name="office-1" .../> <host name="office-2" .../> <host name="public-1" .../>

Addresses of 10.20.0.0/16 go to hosts named `office-...`, all others to the
rest; when none of theirs is up, to any. Among those, the least busy for its
weight. docs/writing-a-scheduler.md tells what `hosts` and `request` are.
"""

from ipaddress import ip_address, ip_network

OFFICE = ip_network("10.20.0.0/16")


class ByNetwork:
    def choose(self, hosts, request):
        inside = request.client != "unix" and ip_address(request.client) in OFFICE
        theirs = [host for host in hosts if host.name.startswith("office-") == inside]
        return min(theirs or hosts, key=lambda host: (host.score + 1) / host.weight)
