"""Traffic for a throw-away root, with nothing but the distribution's Python there.

traffic.py hosts PORT NAME PORT NAME ...   hosts that answer each line with their name
traffic.py load PORT STOP                  clients, until the file STOP is there; prints what they met
"""

import json
import os
import socket
import socketserver
import sys
import threading
import time

PATIENCE = 60  # seconds: on a busy machine slow is not lost


class Named(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1000


def serve(port: int, name: str) -> None:
    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for _ in self.rfile:
                self.wfile.write(f"{name}\n".encode())

    threading.Thread(target=Named(("127.0.0.1", port), Answer).serve_forever).start()


class Load:
    """Short connections one after the other, and long ones, on which something goes to and fro all the time."""

    def __init__(self, port: int, stop: str) -> None:
        self.port = port
        self.stop = stop
        self.short = self.exchanges = 0
        self.failures: list[str] = []

    def once(self, client: socket.socket) -> None:
        client.sendall(b"hello\n")
        answer = client.recv(100)
        if not answer.endswith(b"\n"):
            raise OSError(f"answered {answer!r}")

    def brief(self) -> None:
        while not os.path.exists(self.stop):
            try:
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                    self.once(client)
                self.short += 1
            except OSError as error:
                self.failures.append(f"short: {error}")
            time.sleep(0.01)

    def lasting(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                while not os.path.exists(self.stop):
                    self.once(client)
                    self.exchanges += 1
                    time.sleep(0.02)
        except OSError as error:
            self.failures.append(f"long: {error}")

    def run(self) -> dict[str, object]:
        threads = [threading.Thread(target=each) for each in (self.brief, self.brief, *[self.lasting] * 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"short": self.short, "exchanges": self.exchanges, "failures": self.failures}


if __name__ == "__main__":
    if sys.argv[1] == "hosts":
        for port, name in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
            serve(int(port), name)
    else:
        print(json.dumps(Load(int(sys.argv[2]), sys.argv[3]).run()))
