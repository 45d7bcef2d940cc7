"""A stream on this machine, as a camera in the network would send it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def streamed(data: bytes, pace: float) -> Iterator[tuple[str, list[float]]]:
    """An address on this machine that sends a file at a pace, in seconds, and the times it did."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(time.monotonic())
            self.send_response(200)
            self.end_headers()
            parts = max(1, round(pace / 0.02))
            step = len(data) // parts + 1
            try:
                for i in range(0, len(data), step):
                    self.wfile.write(data[i : i + step])
                    time.sleep(pace / parts)
            except OSError:
                pass

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live", asked
    finally:
        server.shutdown()
