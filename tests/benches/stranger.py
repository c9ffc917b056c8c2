#!/usr/bin/env python3
"""From nothing to an image that is denied and one that is allowed, by the commands of a walkthrough.

Follows a document of infra/pipelines/walkthroughs in an empty folder, against a `postern serve` that was
just started, and says how long each part took. What a step says is compared, as the tests do. With
`--build` it clones this repository first and builds it there, with nothing built before: that time
stands by itself.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from scene import ROOT, TARGET, run, tool

DOCUMENTS = ROOT / "infra/pipelines/walkthroughs"
# Where the first image is denied, and where one is allowed.
DENIED, ALLOWED = "Denied", "Allowed"


def main() -> None:
    options = arguments()
    for name in ("gcloud", "bash", "curl", "jq"):
        tool(name)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stranger-", dir=options.folder) as made:
        folder = pathlib.Path(made).resolve()
        postern = options.postern.resolve()
        print(f"{options.document}, {os.cpu_count()} cores, gcloud {gcloud_version()}")
        if options.build:
            started = time.monotonic()
            postern = built(folder)
            row("clone and cold build", time.monotonic() - started)
        if not postern.is_file():
            sys.exit(f"{postern} is missing: cargo build --release -p postern, or --build")
        follow(folder, postern, steps("README.md") + steps(options.document))


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--postern",
        type=pathlib.Path,
        default=TARGET / "release/postern",
        help="the binary to measure (default: %(default)s)",
    )
    parser.add_argument("--build", action="store_true", help="clone and build one first, with nothing built before")
    parser.add_argument(
        "--document", default="kms-and-cloud-build.md", help="the walkthrough to follow (default: %(default)s)"
    )
    parser.add_argument(
        "--folder", type=pathlib.Path, default=TARGET, help="where the folder is made (default: %(default)s)"
    )
    return parser.parse_args()


def gcloud_version() -> str:
    """Asking for it also warms the file cache, as on any machine where gcloud was used before."""
    return run(tool("gcloud"), "version", "--format=value(\"Google Cloud SDK\")").decode().strip()


def built(folder: pathlib.Path) -> pathlib.Path:
    """A binary out of a clean clone; crates come from cargo's own cache, or the network."""
    clone = folder / "clone"
    run("git", "clone", "--quiet", ROOT, clone)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(clone / "target")}
    subprocess.run(["cargo", "build", "--release", "-p", "postern"], cwd=clone, env=environment, check=True)
    return clone / "target/release/postern"


def steps(document: str) -> list[dict]:
    """The blocks of commands, as tests/src/document.rs has them."""
    found, heading, fence = [], "", None
    for line in (DOCUMENTS / document).read_text().splitlines():
        if fence is None and line.startswith("```"):
            fence = line[3:].split()
            if fence[:1] == ["sh"]:
                status = fence[1].removeprefix("exits=") if fence[1:] else "0"
                found.append({"heading": heading, "commands": "", "exit": status, "says": []})
        elif fence is not None and line == "```":
            fence = None
        elif fence is not None and fence[:1] == ["sh"]:
            found[-1]["commands"] += line + "\n"
        elif fence == ["text"]:
            found[-1]["says"].append(line)
        elif fence is None and line.startswith("#"):
            heading = line.lstrip("#").strip()
    return found


def follow(folder: pathlib.Path, postern: pathlib.Path, path: list[dict]) -> None:
    """Starts a server and does every step; each part of the document is a row."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("POSTERN", "CLOUDSDK"))}
    environment["PATH"] = f"{postern.parent}{os.pathsep}{environment['PATH']}"
    environment["CLOUDSDK_CONFIG"] = str(folder / "gcloud")
    alone = idle(folder)
    began = time.monotonic()
    server = subprocess.Popen(
        [postern, "serve", "--listen", "127.0.0.1:0"],
        cwd=folder,
        env={**environment, "POSTERN__ATTESTATIONS": "[store]"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        listening = server.stdout.readline()
        address = re.search(r"http://\S+", listening) or sys.exit(f"it did not start: {listening}")
        row("a server", time.monotonic() - began)
        environment["SERVER"] = address.group()
        subprocess.run(["bash", "-c", script(path)], cwd=folder, env=environment, check=True)
        calls = report(folder, path)
        seconds = statistics.median(alone + idle(folder))
        row(f"gcloud started {calls} times for nothing", calls * seconds)
    finally:
        server.terminate()
        server.wait()


def script(path: list[dict]) -> str:
    """All steps in one shell; each leaves what it said, its exit code and how long it took."""
    lines = ["set -o pipefail", "trap 'postern_status=$?' ERR", 'gcloud() { echo >>calls; command gcloud "$@"; }']
    for number, step in enumerate(path):
        lines += [
            f"postern_status=0; echo $EPOCHREALTIME >{number}.began",
            "{",
            step["commands"] + f"}} >{number}.said 2>&1",
            f"echo $EPOCHREALTIME >{number}.ended; echo $postern_status >{number}.exit",
            f"[ $postern_status = {step['exit']} ] || exit 0",
        ]
    return "\n".join(lines)


def report(folder: pathlib.Path, path: list[dict]) -> int:
    """A row for each part, and one where an image was denied, and allowed; how often gcloud was called."""
    def left(name: str) -> str:
        file = folder / name
        return file.read_text() if file.is_file() else ""

    parts: dict[str, float] = {}
    for number, step in enumerate(path):
        said = left(f"{number}.said")
        if left(f"{number}.exit").strip() != step["exit"] or unsaid(step["says"], said):
            sys.exit(f"{step['heading']}: not what the document says\n{step['commands']}\n{said}")
        seconds = float(left(f"{number}.ended")) - float(left(f"{number}.began"))
        parts[step["heading"]] = parts.get(step["heading"], 0.0) + seconds
    total = 0.0
    for heading, seconds in parts.items():
        total += seconds
        row(heading, seconds)
        if heading in (DENIED, ALLOWED):
            row(f"=> {heading.lower()}, all together", total)
    return left("calls").count("\n")


def idle(folder: pathlib.Path) -> list[float]:
    """How long gcloud takes for what it asks nobody."""
    environment = {**os.environ, "CLOUDSDK_CONFIG": str(folder / "gcloud"), "CLOUDSDK_AUTH_ACCESS_TOKEN": "any"}
    times = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([tool("gcloud"), "auth", "print-access-token"], env=environment, capture_output=True, check=True)
        times.append(time.monotonic() - began)
    return times


def unsaid(expected: list[str], said: str) -> bool:
    """Whether a line that was expected was not said; `…` is anything."""
    lines = iter(said.splitlines())
    patterns = [".*".join(map(re.escape, line.strip().split("…"))) for line in expected]
    return not all(any(re.fullmatch(pattern, line.strip()) for line in lines) for pattern in patterns)


def row(what: str, seconds: float) -> None:
    """A line of the table."""
    print(f"  {what:36} {seconds:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
