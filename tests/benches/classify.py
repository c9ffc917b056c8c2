#!/usr/bin/env python3
"""`postern audit classify` beside `jq -c` over the same file of audit entries.

jq makes one selection, break-glass; postern holds every entry against every detection. They take
turns, each a new process on the same one processor. Processor time (user and system) comes from the
kernel's account of the process, peak memory from GNU time, which has next to none itself.
"""

import argparse
import collections
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import entries
from scene import TARGET, run, tool


def main() -> None:
    options = arguments()
    if not options.postern.is_file():
        sys.exit(f"{options.postern} is missing: cargo build --release -p postern")
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        bench = Bench(options.postern.resolve(), pathlib.Path(folder).resolve())
        short = bench.measured("1.2 KB each", 1200, options.entries, options.rounds)
        bench.measured("3 KB each", 3000, options.entries, options.rounds)
        long = bench.measured("1.2 KB each, four times as many", 1200, 4 * options.entries, 1)
    print("peak memory of four times as many entries, to that of one time:")
    for name in short:
        print(f"  {name:22} {long[name] / short[name]:6.2f} x")


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--postern",
        type=pathlib.Path,
        default=TARGET / "release/postern",
        help="the binary to measure (default: %(default)s)",
    )
    parser.add_argument(
        "--folder",
        type=pathlib.Path,
        default=TARGET,
        help="where the files are made: about 500 MB, one at a time (default: %(default)s)",
    )
    parser.add_argument("--entries", type=int, default=100_000, help="entries in a file (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns each (default: %(default)s)")
    return parser.parse_args()


class Bench:
    """The contenders, and the entries that files are made of."""

    def __init__(self, postern: pathlib.Path, folder: pathlib.Path):
        self.folder = folder
        self.postern = [str(postern), "audit", "classify"]
        self.jq = [tool("jq"), "-c", entries.BREAK_GLASS_IN_JQ]
        known = entries.ordinary()
        self.hits = entries.hits(known)
        # What an ordinary entry is noted for, at LOW, is no hit: it stays out, so that all can be counted.
        noted = {finding["source"]["id"] for finding in self.findings(known.values())}
        self.quiet = [entry for name, entry in known.items() if name not in noted]

    def findings(self, of) -> list[dict]:
        """What postern finds in these entries."""
        text = "\n".join(map(entries.compact, of)).encode()
        return [json.loads(line) for line in run(*self.postern, "-", text=text).splitlines()]

    def measured(self, title: str, size: int, count: int, rounds: int) -> dict[str, float]:
        """Makes a file, lets both read it in turns, prints what it cost, and gives back the peak memory."""
        file = self.folder / "entries.ndjson"
        expected = entries.write(file, entries.of_mean(self.quiet, size), self.hits, count)
        contenders = {
            "jq, one selection": (self.jq, break_glass_entries),
            "postern audit classify": (self.postern, by_detection),
        }
        costs = {name: [] for name in contenders}
        for turn in range(rounds):
            order = list(contenders)
            for name in order if turn % 2 else reversed(order):
                command, check = contenders[name]
                costs[name].append(self.cost([*command, str(file)]))
                check(self.folder / "output", expected)
        report(title, file.stat().st_size, count, costs)
        file.unlink()
        return {name: max(memory for _, memory in figures) for name, figures in costs.items()}

    def cost(self, command: list[str]) -> tuple[float, float]:
        """Processor seconds and peak megabytes of one process on one processor."""
        memory = self.folder / "memory"
        processor = str(max(os.sched_getaffinity(0)))
        timed = [tool("time"), "-f", "%M", "-o", str(memory), tool("taskset"), "-c", processor, *command]
        with open(self.folder / "output", "wb") as output:
            process = subprocess.Popen(timed, stdin=subprocess.DEVNULL, stdout=output)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        if status != 0:
            sys.exit(f"{command}: status {status}")
        return usage.ru_utime + usage.ru_stime, int(memory.read_text()) / 1024


def by_detection(output: pathlib.Path, expected: dict[str, int]) -> None:
    """Ends the bench unless every hit has its finding and nothing else has one."""
    with open(output) as lines:
        found = collections.Counter(json.loads(line)["detection"] for line in lines)
    if found != expected:
        sys.exit(f"postern found {dict(found)}, and there are {expected}")


def break_glass_entries(output: pathlib.Path, expected: dict[str, int]) -> None:
    """Ends the bench unless jq selected every break-glass."""
    there = sum(expected[name] for name in entries.BREAK_GLASS)
    with open(output) as lines:
        selected = sum(1 for _ in lines)
    if selected != there:
        sys.exit(f"jq selected {selected}, and there are {there}")


def report(title: str, size: int, count: int, costs: dict[str, list[tuple[float, float]]]) -> None:
    """Medians, and ratios to the first contender."""
    rounds = len(next(iter(costs.values())))
    hits = sum(1 for number in range(count) if number % entries.HIT_EVERY == entries.HIT_EVERY // 2)
    print(f"{title}: {count} entries, mean {size / count:.0f} bytes, {hits} hits; medians of {rounds} turns each")
    print(f"  {'':22} {'us CPU each':>12} {'entries/s':>12} {'MB/s':>8} {'peak MB':>8} {'CPU':>9}")
    first = None
    for name, figures in costs.items():
        seconds = statistics.median(processor for processor, _ in figures)
        memory = max(peak for _, peak in figures)
        first = first or seconds
        print(
            f"  {name:22} {seconds / count * 1e6:12.2f} {count / seconds:12,.0f}"
            f" {size / seconds / 1e6:8.1f} {memory:8.1f} {seconds / first:7.3f} x"
        )


if __name__ == "__main__":
    main()
