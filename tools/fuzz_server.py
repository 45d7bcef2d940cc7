"""Throw broken uploads at a server of its own: it never crashes, answers 500, or writes elsewhere.

    python tools/fuzz_server.py RUN PHOTO [--number 10000] [--seed 0]

Photos are cut, changed byte by byte, or claim to be enormous; forms are broken, names lead into
other folders, headers are huge. Prints what was answered how often, and the most memory it took.
Exits with 1 if anything of that went wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil

MOST_MB = 3_000
PATHS = (
    "/", "/people", "/v1/recognize", "/v1/people/Eve/photos", "/v1/feedback",
    "/api/v1/recognition/recognize",
    "/api/v1/recognition/faces?subject=Eve",
)  # fmt: skip
NAMES = (
    "../../../../tmp/fuzzed.jpg", "/etc/passwd", "..\\..\\fuzzed", "a\0b", "%2e%2e%2ffuzzed", "CON",
    "a" * 3000, "\u202egpj", "$(touch /tmp/fuzzed)", "';DROP TABLE people;--", "", ".", "..",
)  # fmt: skip
TYPES = ("image/jpeg", "application/octet-stream", "text/html", "image/svg+xml", "", "*/*")


# ---------------------------------------------------------------- what is sent
def photo(rng: np.random.Generator, good: bytes) -> bytes:
    """A photo with something wrong."""
    kind = rng.integers(8)
    if kind == 0:
        return good[: rng.integers(len(good))]
    if kind == 1:
        data = bytearray(good)
        for place in rng.integers(len(data), size=rng.integers(1, 60)):
            data[place] = rng.integers(256)
        return bytes(data)
    if kind == 2:
        return bomb(int(rng.integers(1_000, 2**31)), int(rng.integers(1, 2**31)))
    if kind == 3:
        return rng.bytes(rng.integers(5_000))
    if kind == 4:
        heads = (
            b"GIF89a",
            b"II*\0",
            b"RIFF\xff\xff\xff\xffWEBP",
            b"\0\0\0\x1cftypheic",
            b"BM",
            b"P6 ",
        )
        return heads[rng.integers(len(heads))] + rng.bytes(300)
    if kind == 5:
        return b"<svg onload=alert(1)>" + b"<g>" * 2_000
    if kind == 6:
        return good[2:] + good[: rng.integers(len(good))]
    return b""


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be that large."""
    data = b"\x89PNG\r\n\x1a\n"
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    for kind, content in ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(99_999))), (b"IEND", b"")):
        checked = kind + content
        data += struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
    return data


def request(rng: np.random.Generator, good: bytes) -> bytes:
    """One whole request."""
    content = photo(rng, good)
    kind = str(rng.choice(TYPES))
    if rng.random() < 0.6:
        content, kind = form(rng, content), "multipart/form-data; boundary=b"
    elif rng.random() < 0.2:
        content, kind = b'{"file": "' + content[:999].hex().encode() + b'"}', "application/json"
    length = len(content) if rng.random() < 0.98 else int(rng.integers(2**40))
    lines = [f"POST {rng.choice(PATHS)} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}"]
    lines += [f"Content-Length: {length}", "Connection: close"]
    if rng.random() < 0.05:
        lines.append("X: " + "y" * int(rng.integers(200_000)))
    if rng.random() < 0.05:
        lines += [f"X-{i}: y" for i in range(rng.integers(3_000))]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + content


def form(rng: np.random.Generator, content: bytes) -> bytes:
    field = rng.choice(["photo", "file", "is", "other"])
    name = NAMES[rng.integers(len(NAMES))]
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    if rng.random() < 0.1:
        head += "X: y\r\n" * int(rng.integers(50))
    body = head.encode("utf-8", "replace") + b"\r\n" + content + b"\r\n"
    body *= int(rng.integers(1, 4))
    body += b"--b--\r\n"
    return body if rng.random() < 0.7 else body[: rng.integers(len(body))]


# ---------------------------------------------------------------- the server
def status(port: int, sent: bytes) -> str:
    """What was answered; `closed` where the connection was, without a word."""
    with socket.create_connection(("127.0.0.1", port), timeout=90) as place:
        answered = b""
        with suppress(OSError):  # it does not want the rest
            place.sendall(sent)
        with suppress(OSError):
            while part := place.recv(65536):
                answered += part
    found = re.match(rb"HTTP/1\.1 (\d+)", answered)
    return found[1].decode() if found else "closed"


def everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    good = asked.photo.read_bytes()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(asked.run, folder / "run")
        (folder / "tmp").mkdir()
        before = everything(folder / "run") | {str(folder / "run")}
        command = [sys.executable, "-m", "knownface", "serve", str(folder / "run"), "--port", "0"]
        server = subprocess.Popen(
            [*command, "--max-seconds", "2"], stderr=subprocess.PIPE, text=True, cwd=folder / "tmp",
            env=os.environ | {"TMPDIR": str(folder / "tmp")},
        )  # fmt: skip
        try:
            port = next(int(m[1]) for line in server.stderr if (m := re.search(r":(\d+)$", line)))
            faults: list[str] = []
            threading.Thread(target=watch_log, args=(server, faults), daemon=True).start()
            seeds = range(asked.seed, asked.seed + asked.number)
            most = [0.0]
            with ThreadPoolExecutor(16) as pool:
                sent = (request(np.random.default_rng(seed), good) for seed in seeds)
                answers = Counter(
                    pool.map(lambda each: measured(server.pid, port, each, most), sent)
                )
            alive = server.poll() is None
        finally:
            server.terminate()
            code = server.wait(60)
        new = sorted(everything(folder) - before - {str(folder / "tmp")})
    strange = [path for path in new if "gallery.sqlite" not in path]
    report = {
        "answers": dict(answers), "alive": alive, "exit_code": code, "memory_mb": round(most[0]),
        "new_files": strange, "faults": faults[:5],
    }  # fmt: skip
    print(json.dumps(report, indent=1))
    right = alive and code == 0 and not strange and not faults and most[0] < MOST_MB
    return 0 if right and not answers["500"] and not Path("/tmp/fuzzed").exists() else 1


def measured(pid: int, port: int, sent: bytes, most: list[float]) -> str:
    found = status(port, sent)
    most[0] = max(most[0], psutil.Process(pid).memory_info().rss / 2**20)
    return found


def watch_log(server: subprocess.Popen[str], faults: list[str]) -> None:
    for line in server.stderr or ():
        if "Traceback" in line or '"status": 500' in line or '"level": "error"' in line:
            faults.append(line)


if __name__ == "__main__":
    sys.exit(main())
