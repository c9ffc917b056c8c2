#!/usr/bin/env python3
"""Decisions per second over HTTP, and what one costs, beside `/health` of the same server.

The server has one processor to itself and `wrk` another. Every decision is journalled in SQLite
before it is answered, so the disk under --folder counts: compare with a folder in memory, such as
/dev/shm. The evidence is in a file; after the first decision its verification is remembered.
"""

import json
import os
import pathlib
import statistics
import sys

from registry_requests import decide
from scene import arguments, run, scene, tool

TICKS = os.sysconf("SC_CLK_TCK")

# wrk calls `done` with its sums; times are in microseconds.
SCRIPT = """
wrk.method = {method}
wrk.body = {body}
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format('\\nfigures {{"requests": %d, "duration": %d, "errors": %d, "p50": %d, "p99": %d}}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns each (default: %(default)s)")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    options = parser.parse_args()
    with scene(options) as made:
        pinned = [tool("taskset"), "-c", str(options.server_cpu)]
        with made.serving([str(made.occurrences)], options.gate, pinned) as (process, url):
            decide(url, made.by_digest)
            scripts = {
                "/health": (f"{url}/health", script(made.folder / "health.lua", None)),
                "/v1/decisions": (
                    f"{url}/v1/decisions",
                    script(made.folder / "decide.lua", json.dumps({"images": [made.by_digest]})),
                ),
            }
            for connections in options.connections:
                compare(process.pid, scripts, connections, options)


def script(file: pathlib.Path, body: str | None) -> pathlib.Path:
    """A script for wrk that posts the body, or gets."""
    method = '"POST"' if body else '"GET"'
    file.write_text(SCRIPT.format(method=method, body=f"[==[{body}]==]" if body else "nil"))
    return file


def compare(pid: int, scripts: dict, connections: int, options) -> None:
    """Lets the paths take turns, and prints medians and the ratio to the first."""
    figures: dict[str, list[dict]] = {path: [] for path in scripts}
    for _ in range(options.rounds):
        for path, (url, file) in scripts.items():
            figures[path].append(turn(pid, url, file, connections, options))
    print(f"{connections} connections, medians of {options.rounds} turns of {options.seconds} s")
    floor = middle(figures["/health"], "cpu")
    for path, turns in figures.items():
        rate, cpu = middle(turns, "rate"), middle(turns, "cpu")
        print(
            f"  {path:14} {rate:9.0f} /s  {cpu:7.1f} us CPU each ({cpu / floor:5.2f} x)"
            f"  p50 {middle(turns, 'p50') / 1e3:.2f} ms  p99 {middle(turns, 'p99') / 1e3:.2f} ms"
        )


def turn(pid: int, url: str, file: pathlib.Path, connections: int, options) -> dict:
    """One run of wrk, with the processor time that the server took for each request."""
    before = processor_seconds(pid)
    output = run(
        *(tool("taskset"), "-c", options.client_cpu, tool("wrk"), "-t", 1, "-c", connections),
        *("-d", f"{options.seconds}s", "-s", file, url),
    ).decode()
    taken = processor_seconds(pid) - before
    figures = json.loads(output.split("figures ")[1])
    if figures["errors"] or not figures["requests"]:
        sys.exit(f"{url}: {figures['errors']} errors in {figures['requests']} requests\n{output}")
    figures["rate"] = figures["requests"] / figures["duration"] * 1e6
    figures["cpu"] = taken / figures["requests"] * 1e6
    return figures


def processor_seconds(pid: int) -> float:
    """User and system time of a process, all threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def middle(turns: list[dict], key: str) -> float:
    """The median of one figure."""
    return statistics.median(turn[key] for turn in turns)


if __name__ == "__main__":
    main()
