#!/usr/bin/env python3
"""Memory of a server with a million alerts that no output takes, beside one that has a thousand.

The output is a webhook at a port where nobody listens. The alerts are copies of one that the server made
itself, written into the database behind its back; so only their ids differ.
"""

import argparse
import json
import pathlib
import socket
import sqlite3
import sys
import tempfile
import time
import urllib.request

import entries
from scene import TARGET, address, started

COPIES = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
INSERT INTO notifications (id, at, routed, body, lane)
SELECT printf('%026d-1', n), at + n, 0, replace(body, id, printf('%026d-1', n)), lane
FROM numbers, (SELECT * FROM notifications LIMIT 1)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--postern", type=pathlib.Path, default=TARGET / "release/postern")
    parser.add_argument("--folder", type=pathlib.Path, default=TARGET)
    parser.add_argument("--alerts", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--ticks", type=int, default=5, help="times that what is due is tried (default: %(default)s)")
    options = parser.parse_args()
    if not options.postern.is_file():
        sys.exit(f"{options.postern} is missing: cargo build --release -p postern")
    peaks = []
    for alerts in options.alerts:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
            peak, waiting, seconds = measured(options, pathlib.Path(folder).resolve(), alerts)
        peaks.append(peak)
        print(f"{alerts:9} alerts: peak RSS {peak:6.1f} MB ({peak / peaks[0]:.2f} x), {waiting} wait, {seconds:.1f} s to route them")


def measured(options, folder: pathlib.Path, alerts: int) -> tuple[float, int, float]:
    """Peak memory in MB of a server with so many alerts, how many wait at the end, and how long it took to route them."""
    with serving(options.postern, folder) as (_, url):
        post(url, "/v1/events/pubsub", hit())
    with sqlite3.connect(folder / "data/postern.db") as database:
        database.execute(COPIES, (alerts,))
    database.close()
    with serving(options.postern, folder) as (process, url):
        begun = time.monotonic()
        for _ in range(options.ticks):
            post(url, "/v1/tick", b"")
        while (waiting := pending(url)) < alerts:
            if time.monotonic() - begun > 900:
                sys.exit(f"only {waiting} of {alerts} alerts were routed in a quarter of an hour")
            post(url, "/v1/tick", b"")
        seconds = time.monotonic() - begun
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return peak / 1024, waiting, seconds


class serving:
    """`postern serve` with an output that takes nothing: its process and its URL."""

    def __init__(self, postern: pathlib.Path, folder: pathlib.Path):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
        config = folder / "postern.json"
        output = {"name": "down", "type": "webhook", "url": f"http://127.0.0.1:{port}/", "allowPrivate": True}
        config.write_text(json.dumps({"store": f"sqlite:{folder}/data/postern.db", "outputs": [output]}))
        command = [str(postern), "serve", "--listen", "127.0.0.1:0", "--config", str(config)]
        self.output = folder / "output"
        self.server = started([*command, "--data", str(folder / "data")], self.output)

    def __enter__(self):
        process = self.server.__enter__()
        return process, f"http://{address(process, self.output)}"

    def __exit__(self, *failure):
        return self.server.__exit__(*failure)


def hit() -> bytes:
    """An entry that opens a case."""
    return entries.compact(entries.hits(entries.ordinary())[entries.BREAK_GLASS[0]][0]).encode()


def post(url: str, path: str, body: bytes) -> None:
    """A request that must be answered favourably."""
    request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=600) as answer:
        answer.read()


def pending(url: str) -> int:
    """How many alerts wait, as the server's metrics say."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    values = [float(line.rpartition(" ")[2]) for line in lines if line.startswith("postern_output_pending{")]
    return int(sum(values))


if __name__ == "__main__":
    main()
