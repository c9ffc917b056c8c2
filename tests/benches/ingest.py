#!/usr/bin/env python3
"""Audit entries taken in per second: pushed, committed, acknowledged; over SQLite and PostgreSQL.

An entry is acknowledged when it, its receipt in the record and whatever it opens are on the disk. Beside
each store its floor, in turns: one row of the same size, committed and synced by itself, by Python's
sqlite3 over one connection, and by `pgbench` over as many connections as push. One entry in a hundred is
a break-glass, which opens a case and an alert.
"""

import argparse
import contextlib
import json
import pathlib
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

import entries
from scene import ROOT, TARGET, address, run, started, tool

# Each request is another entry. wrk calls `done` with its sums; times are in microseconds.
SCRIPT = """
local n = {start}
local ordinary = [==[{ordinary}]==]
local hit = [==[{hit}]==]
local headers = {{["Content-Type"] = "application/json"}}
function request()
  n = n + 1
  local body = (n % 100 == 0 and hit or ordinary):gsub("@N@", tostring(n))
  return wrk.format("POST", nil, headers, body)
end
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format('\\nfigures {{"requests": %d, "duration": %d, "errors": %d, "p50": %d, "p99": %d}}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--postern", type=pathlib.Path, default=TARGET / "release/postern")
    parser.add_argument("--folder", type=pathlib.Path, default=TARGET, help="which disk the stores are on")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns each (default: %(default)s)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    options = parser.parse_args()
    if not options.postern.is_file():
        sys.exit(f"{options.postern} is missing: cargo build --release -p postern")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        folder = pathlib.Path(folder).resolve()
        folder.chmod(0o755)
        over(Sqlite(folder), options, folder)
        with server(folder / "server") as url:
            over(Postgres(url, folder), options, folder)


class Sqlite:
    """A store in a file, and its floor."""

    name = "SQLite"

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.url = f"sqlite:{folder}/postern.db"

    def floor(self, _connections: int, seconds: int, size: int) -> dict:
        """Rows that one connection commits, each by itself."""
        database = sqlite3.connect(self.folder / "floor.db", isolation_level=None)
        for statement in ("journal_mode = WAL", "synchronous = FULL"):
            database.execute(f"PRAGMA {statement}")
        database.execute("CREATE TABLE IF NOT EXISTS floor (id INTEGER PRIMARY KEY, raw BLOB)")
        raw, taken = b"x" * size, []
        begun = time.perf_counter()
        while (now := time.perf_counter()) - begun < seconds:
            database.execute("INSERT INTO floor (raw) VALUES (?)", (raw,))
            taken.append(time.perf_counter() - now)
        database.close()
        taken.sort()
        return {
            "rate": len(taken) / (time.perf_counter() - begun),
            "p50": taken[len(taken) // 2] * 1e6,
            "p99": taken[len(taken) * 99 // 100] * 1e6,
        }


class Postgres:
    """A database of a server, and its floor."""

    name = "PostgreSQL"

    def __init__(self, url: str, folder: pathlib.Path):
        self.url, self.folder = url, folder
        run(tool("psql"), "-qc", "CREATE TABLE floor (id BIGSERIAL PRIMARY KEY, raw BYTEA)", url)

    def floor(self, connections: int, seconds: int, size: int) -> dict:
        """Rows that `pgbench` commits, each by itself."""
        script = self.folder / "floor.sql"
        script.write_text(f"INSERT INTO floor (raw) VALUES (decode(repeat('78', {size}), 'hex'));\n")
        log = self.folder / "floor-log"
        said = run(
            *(tool("pgbench"), "-n", "-M", "prepared", "-f", script, "-c", connections, "-T", seconds),
            *("-l", f"--log-prefix={log}", self.url),
        ).decode()
        rate = re.search(r"tps = ([0-9.]+)", said)
        taken = []
        for file in self.folder.glob("floor-log.*"):
            taken += [int(line.split()[2]) for line in file.read_text().splitlines()]
            file.unlink()
        taken.sort()
        return {"rate": float(rate[1]), "p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}


def over(store: Sqlite | Postgres, options, folder: pathlib.Path) -> None:
    """Lets Postern and the floor take turns over one store, and prints medians and their ratio."""
    ordinary, hit = templates()
    count = 0
    with serving(options.postern, store.url, folder) as url:
        for connections in options.connections:
            figures = {"floor": [], "postern": []}
            for _ in range(options.rounds):
                figures["floor"].append(store.floor(connections, options.seconds, len(ordinary)))
                taken = push(url, folder, (ordinary, hit), count, connections, options.seconds)
                count += 10_000_000
                figures["postern"].append(taken)
            print(f"{store.name}, {connections} connections, medians of {options.rounds} turns of {options.seconds} s")
            floor = statistics.median(turn["rate"] for turn in figures["floor"])
            for name, turns in figures.items():
                rate, p50, p99 = (statistics.median(turn[key] for turn in turns) for key in ("rate", "p50", "p99"))
                print(
                    f"  {name:8} {rate:8.0f} /s ({rate / floor:5.2f} x)"
                    f"  p50 {p50 / 1e3:7.2f} ms  p99 {p99 / 1e3:7.2f} ms"
                )


def push(url: str, folder: pathlib.Path, bodies: tuple[str, str], start: int, connections: int, seconds: int) -> dict:
    """One run of wrk; every entry is another one, and every answer must be favourable."""
    script = folder / "push.lua"
    script.write_text(SCRIPT.format(start=start, ordinary=bodies[0], hit=bodies[1]))
    output = run(
        *(tool("wrk"), "-t", 1, "-c", connections, "-d", f"{seconds}s", "-s", script),
        f"{url}/v1/events/pubsub",
    ).decode()
    figures = json.loads(output.split("figures ")[1])
    if figures["errors"] or not figures["requests"]:
        sys.exit(f"{figures['errors']} errors in {figures['requests']} pushes\n{output}")
    figures["rate"] = figures["requests"] / figures["duration"] * 1e6
    return figures


def templates() -> tuple[str, str]:
    """An ordinary entry of about 1.2 KB, and a break-glass, with @N@ where each is another one."""
    known = {name: entry for name, entry in entries.ordinary().items() if "insertId" in entry}
    ordinary = min(known.values(), key=lambda entry: abs(entries.length(entry) - 1200))
    hit = entries.hits(entries.ordinary())[entries.BREAK_GLASS[0]][0]
    return tuple(entries.compact({**entry, "insertId": "bench-@N@"}) for entry in (ordinary, hit))


@contextlib.contextmanager
def serving(postern: pathlib.Path, store: str, folder: pathlib.Path):
    """`postern serve` over a store, with alerts to a file; gives its URL."""
    config = folder / "postern.json"
    output = {"name": "file", "type": "file", "path": str(folder / "alerts.ndjson")}
    config.write_text(json.dumps({"store": store, "outputs": [output]}))
    command = [str(postern), "serve", "--listen", "127.0.0.1:0", "--config", str(config)]
    with started([*command, "--data", str(folder / "data")], folder / "output") as process:
        yield f"http://{address(process, folder / 'output')}"


@contextlib.contextmanager
def server(folder: pathlib.Path):
    """A PostgreSQL server of its own; gives its URL."""
    script = ROOT / "tests/tools/postgres"
    try:
        yield run(script, "start", folder).decode().strip()
    finally:
        subprocess.run([script, "stop", folder], check=False)


if __name__ == "__main__":
    main()
