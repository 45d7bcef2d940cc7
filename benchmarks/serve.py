"""Load on a server: many clients at once beside the rate of the stream alone, in one run.

    python benchmarks/serve.py RECOGNIZER PHOTOS [--clients 32] [--seconds 60]

The clients run in a process of their own, on the same machine. Prints one JSON document: rates,
times, statuses, the server's memory, and whether every answer was that of a single client.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recognizer")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    photos = [path.read_bytes() for path in sorted(asked.photos.rglob("*.jpg"))[:256]]
    before = stream_rate(asked.recognizer, asked.photos)
    found = load(asked.recognizer, photos, asked.clients, asked.seconds)
    after = stream_rate(asked.recognizer, asked.photos)
    rate, spent = ((one + other) / 2 for one, other in zip(before, after, strict=True))
    found["stream_per_second"] = [before[0], after[0]]
    found["stream_processor_ms"] = [before[1], after[1]]
    found["share_of_the_stream"] = round(found["per_second"] / rate, 3)
    found["share_by_processor_time"] = round(spent / found["processor_ms"], 3)
    print(json.dumps(found, indent=1))


def stream_rate(recognizer: str, folder: Path) -> tuple[float, float]:
    """Photos per second of `see_photos`, and milliseconds of processor time for each."""
    code = """
import sys, time
from pathlib import Path
from knownface.recognition.recognizer import Recognizer
photos = [path.read_bytes() for path in sorted(Path(sys.argv[2]).rglob("*.jpg"))[:256]]
recognizer = Recognizer.load(sys.argv[1])
list(recognizer.see_photos(photos[:64]))
start, spent, done = time.perf_counter(), time.process_time(), 0
while time.perf_counter() - start < 8:
    done += sum(1 for _ in recognizer.see_photos(photos))
print(done / (time.perf_counter() - start), (time.process_time() - spent) / done * 1000)
"""
    command = [sys.executable, "-c", code, recognizer, str(folder)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, spent = map(float, printed.split())
    return round(rate, 1), round(spent, 1)


def load(recognizer: str, photos: list[bytes], clients: int, seconds: float) -> dict[str, object]:
    """All clients for so long, each with one photo after the other on one connection."""
    command = [sys.executable, "-m", "knownface", "serve", recognizer, "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    try:
        port = next(int(m[1]) for line in server.stderr if (m := re.search(r":(\d+)$", line)))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        expected = [answer(port, photo) for photo in photos]
        memory: list[float] = []
        ended = threading.Event()
        watching = threading.Thread(target=watch, args=(server.pid, memory, ended))
        watching.start()
        spent = sum(psutil.Process(server.pid).cpu_times()[:2])
        found = asyncio.run(clients_at_once(port, photos, expected, clients, seconds))
        spent = sum(psutil.Process(server.pid).cpu_times()[:2]) - spent
        found["processor_ms"] = round(1000 * spent / found["statuses"][200], 1)
        ended.set()
        watching.join()
    finally:
        server.terminate()
        found["exit_code"] = server.wait(70)
    third = len(memory) // 3
    found["memory_mb"] = {
        "after_a_third": round(max(memory[: third + 1])), "at_the_end": round(max(memory[third:])),
    }  # fmt: skip
    return found


def watch(pid: int, memory: list[float], ended: threading.Event) -> None:
    process = psutil.Process(pid)
    while not ended.wait(0.5):
        memory.append(process.memory_info().rss / 2**20)


def answer(port: int, photo: bytes) -> str:
    """What one client alone is told."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/recognize", photo, {"Content-Type": "image/jpeg"})
    return plain(connection.getresponse().read())


def plain(body: bytes) -> str:
    """An answer without what differs each time."""
    said = json.loads(body)
    for photo in said.get("photos", []):
        for face in photo["faces"]:
            del face["face"]
    return json.dumps(said.get("photos"))


async def clients_at_once(
    port: int, photos: list[bytes], expected: list[str], clients: int, seconds: float
) -> dict[str, object]:
    ends = time.perf_counter() + seconds
    statuses: Counter[int] = Counter()
    times: list[float] = []
    different = 0

    async def one(number: int) -> None:
        nonlocal different
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        i = number * 7
        while time.perf_counter() < ends:
            i = (i + 1) % len(photos)
            start = time.perf_counter()
            head = (
                "POST /v1/recognize HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
                f"Content-Length: {len(photos[i])}\r\n\r\n"
            )
            writer.write(head.encode() + photos[i])
            answered = (await reader.readuntil(b"\r\n\r\n")).decode()
            body = await reader.readexactly(int(re.search(r"content-length: (\d+)", answered)[1]))
            status = int(answered.split()[1])
            statuses[status] += 1
            times.append(time.perf_counter() - start)
            if status == 200:
                different += plain(body) != expected[i]
        writer.close()

    await asyncio.gather(*(one(number) for number in range(clients)))
    p50, p99 = np.percentile(np.array(times) * 1000, (50, 99))
    return {
        "clients": clients, "seconds": seconds, "per_second": round(statuses[200] / seconds, 1),
        "p50_ms": round(p50), "p99_ms": round(p99), "statuses": dict(statuses),
        "different_answers": different,
    }  # fmt: skip


if __name__ == "__main__":
    main()
