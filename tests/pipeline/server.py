"""A server on this machine for tools that are requests."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pforge_lab.pipeline.clients import close_clients


class Server(ThreadingHTTPServer):
    """A real server that keeps what it was asked and answers what it is told to."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.answers, self.hold = [], [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Say nothing of clients that went away."""


class Handler(BaseHTTPRequestHandler):
    """Echoes the request as JSON, unless told otherwise."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        """Say nothing."""

    def answer(self):
        """Keep what was asked, and answer."""
        length = int(self.headers.get("content-length") or 0)
        asked = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.rfile.read(length).decode(),
        }
        self.server.asked.append(asked)
        if self.path.startswith("/hold"):
            self.server.hold.wait(30)
        status, headers, body = self.server.answers.pop(0) if self.server.answers else (200, {}, None)
        if status is None:
            self.close_connection = True
            self.connection.shutdown(2)
            return
        data = json.dumps(asked).encode() if body is None else body
        self.send_response(status)
        for name, value in ({"content-type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"):
    setattr(Handler, f"do_{method}", Handler.answer)


@contextmanager
def serving():
    """Give a server that answers until the end of the block."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.hold.set()
        close_clients()
        server.shutdown()
        thread.join()
        server.server_close()
