#!/usr/bin/env python3
"""How many requests a registry sees for one decision, counted in its own access log."""

import functools
import json
import urllib.request

from cold import sign_with_cosign
from scene import Scene, arguments, run, scene


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--verbose", action="store_true", help="print each request")
    options = parser.parse_args()
    with scene(options) as made:
        made.attest_beside_the_image()
        verify, signed_by_tag, signed_by_digest = sign_with_cosign(made)
        counted = functools.partial(count, made, options.verbose)
        counted("postern check, by digest", lambda: run(*made.check(made.by_digest)))
        counted("postern check, by tag", lambda: run(*made.check(made.by_tag)))
        counted("cosign verify, by digest", lambda: run(*verify, signed_by_digest))
        counted("cosign verify, by tag", lambda: run(*verify, signed_by_tag))
        for kind, image in {"digest": made.by_digest, "tag": made.by_tag}.items():
            with made.serving(["registry"], options.gate, []) as (_, url):
                for time in ("first", "repeated"):
                    counted(f"gate, by {kind}, {time}", lambda: decide(url, image))


def count(made: Scene, verbose: bool, name: str, action) -> None:
    """Prints what the registry was asked meanwhile."""
    before = made.requests()
    action()
    after = made.requests()
    print(f"{name:28} {after - before:3}")
    if verbose:
        for line in made.access_log.read_text().splitlines()[before:after]:
            print("   ", line.split('"')[1], line.split('"')[2].split()[0])


def decide(url: str, image: str) -> None:
    """One decision, which must be favourable."""
    body = json.dumps({"images": [image]}).encode()
    request = urllib.request.Request(f"{url}/v1/decisions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        decision = json.load(answer)
    assert decision["allowed"], decision


if __name__ == "__main__":
    main()
