"""A stream on this machine, as a camera in the network would send it."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer


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


class CameraServer(ThreadingTCPServer):
    """On a free port of this machine; asked: the methods of all requests."""

    daemon_threads = True

    def __init__(self, data: bytes, pace: float) -> None:
        super().__init__(("127.0.0.1", 0), Camera)
        self.data, self.pace, self.asked = data, pace, list[str]()


class Camera(StreamRequestHandler):
    """Sends its server's `data` within `pace` seconds."""

    server: CameraServer

    def handle(self) -> None:
        try:
            while request := self._request():
                method, sequence = request
                self.server.asked.append(method)
                self._answer(method, sequence)
                if method == "PLAY":
                    self._play()
                    return
        except OSError:
            pass

    def _request(self) -> tuple[str, str] | None:
        lines = []
        while line := self.rfile.readline().strip().decode():
            lines.append(line)
        sequence = [each.split(":")[1] for each in lines if each.startswith("CSeq")]
        return (lines[0].split()[0], sequence[0]) if lines else None

    def _answer(self, method: str, sequence: str) -> None:
        head, body = [f"CSeq:{sequence}", "Session: 1"], ""
        if method == "DESCRIBE":
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 33\r\na=control:track0\r\n"
            )
            head += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            head += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1"]
        elif method == "OPTIONS":
            head += ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"]
        self.wfile.write("\r\n".join(["RTSP/1.0 200 OK", *head, "", body]).encode())

    def _play(self) -> None:
        size, data, pace = 7 * 188, self.server.data, self.server.pace
        for number, start in enumerate(range(0, len(data), size)):
            part = data[start : start + size]
            clock = int(90_000 * pace * start / len(data))
            header = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, clock, 1)
            packet = header + part
            self.wfile.write(struct.pack(">BBH", 0x24, 0, len(packet)) + packet)
            time.sleep(pace * len(part) / len(data))


@contextmanager
def rtsp(data: bytes, pace: float) -> Iterator[tuple[str, list[str]]]:
    """The same over RTSP: an MPEG transport stream as RTP (RFC 2250) inside the connection.

    Yields the address and the methods that were asked for.
    """
    server = CameraServer(data, pace)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"rtsp://127.0.0.1:{server.server_address[1]}/live", server.asked
    finally:
        server.shutdown()
        server.server_close()
