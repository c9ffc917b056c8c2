#!/usr/bin/env python3
"""A cold `postern check` beside `cosign verify --key`: one image, one registry, a P-256 key each.

Both start as a new process, look the image up, find its signature in the registry, verify it and
end. They take turns. Processor time (user and system) and wall time come from the kernel's account
of each process; peak memory from GNU time in turns of its own, which has next to none itself.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

from scene import Scene, arguments, run, scene, tool


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="turns each (default: %(default)s)")
    options = parser.parse_args()
    with scene(options) as made:
        made.attest_beside_the_image()
        verify, _, by_digest = sign_with_cosign(made)
        contenders = {
            "cosign verify": [*verify, by_digest],
            "postern check": made.check(made.by_digest),
        }
        report(measure(made, contenders, options.rounds))


def sign_with_cosign(made: Scene) -> tuple[list[str], str, str]:
    """Signs the same image with cosign, in a repository where nothing else hangs on it.

    Gives back the command that verifies it, which lacks the image, and the image by tag and digest.
    """
    cosign = tool("cosign")
    os.environ["COSIGN_PASSWORD"] = "synthetic"
    by_tag, by_digest = made.push("demo-project/signed-by-cosign")
    run(cosign, "generate-key-pair", "--output-key-prefix", made.folder / "cosign")
    run(
        *(cosign, "sign", "--yes", "--key", made.folder / "cosign.key", "--allow-http-registry"),
        # No transparency log: this measures a key, and nothing leaves the machine.
        *("--tlog-upload=false", "--use-signing-config=false", by_digest),
    )
    verify = [
        *(cosign, "verify", "--key", str(made.folder / "cosign.pub"), "--allow-http-registry"),
        "--insecure-ignore-tlog=true",
    ]
    return verify, by_tag, by_digest


def measure(made: Scene, contenders: dict[str, list[str]], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of processor and wall time and megabytes of memory, by contender."""
    figures = {name: {"CPU ms": [], "wall ms": [], "peak RSS MB": []} for name in contenders}
    for command in contenders.values():
        cost(command)
    for turn in range(rounds):
        order = list(contenders)
        for name in order if turn % 2 else reversed(order):
            processor, wall = cost(contenders[name])
            figures[name]["CPU ms"].append(processor)
            figures[name]["wall ms"].append(wall)
            figures[name]["peak RSS MB"].append(memory(contenders[name], made.folder / "memory"))
    return figures


def cost(command: list[str]) -> tuple[float, float]:
    """Processor and wall time of one process, in milliseconds."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    start = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_DUP2, nowhere, descriptor) for descriptor in (0, 1, 2)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - start
    os.close(nowhere)
    if status != 0:
        run(*command)
        sys.exit(f"{command}: status {status}")
    return (usage.ru_utime + usage.ru_stime) * 1e3, wall * 1e3


def memory(command: list[str], file: pathlib.Path) -> float:
    """Peak resident memory of one process, in megabytes of 1024 KiB."""
    timed = [tool("time"), "-f", "%M", "-o", str(file), *command]
    subprocess.run(timed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return int(file.read_text()) / 1024


def report(figures: dict[str, dict[str, list[float]]]) -> None:
    """Medians, the middle half of the values, and ratios to the first contender."""
    first = next(iter(figures.values()))
    rounds = len(first["CPU ms"])
    print(f"medians of {rounds} turns each, with quartiles; the ratio is to the first line")
    for name, kinds in figures.items():
        for kind, values in kinds.items():
            low, middle, high = statistics.quantiles(values, n=4)
            ratio = middle / statistics.median(first[kind])
            print(f"  {name:14} {kind:12} {middle:8.1f}  ({low:.1f} to {high:.1f})  {ratio:6.3f} x")


if __name__ == "__main__":
    main()
