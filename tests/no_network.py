"""A proxy for all tests: nothing is fetched, and whoever tries is known."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy(ThreadingHTTPServer):
    """Fetches nothing for anybody, and remembers what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Refusal)
        self.asked: list[str] = []


class Refusal(BaseHTTPRequestHandler):
    def refuse(self) -> None:
        assert isinstance(self.server, Proxy)
        self.server.asked.append(self.path)
        self.send_error(503)

    do_GET = do_POST = do_CONNECT = refuse

    def log_message(self, format: str, *args: object) -> None:
        pass
