"""Files of audit entries for a bench: ordinary ones, and among them hits that differ from one in a value.

Everything is synthetic: the ordinary entries are those of functions/auditor/tests/ordinary. What is
written is the same in every run, and no two entries are the same: ids, times, addresses and digests are
varied.
"""

import copy
import hashlib
import itertools
import json
import pathlib
import re

from scene import ROOT

ORDINARY = ROOT / "functions/auditor/tests/ordinary"
# One entry in so many is a hit.
HIT_EVERY = 100
JUSTIFICATION = "INC-4711 the basket is down"
RUN_BREAK_GLASS = "run.googleapis.com/binary-authorization-breakglass"
GKE_BREAK_GLASS = "image-policy.k8s.io/break-glass"

# What is varied: ids, times, the address of the caller, and whatever is 64 hexadecimal digits.
VARIED = re.compile(r"(synthetic-(?:gcp|aws)-[0-9]{3})|(T\d\d:\d\d:\d\d)|((?:192\.0\.2|198\.51\.100)\.)\d+|([0-9a-f]{56})[0-9a-f]{8}")
# Stand in a template for what depends on the entry's number. JSON itself has none of these characters.
NUMBER, TIME, OCTET, HEXADECIMAL = "\x01\x02\x03\x04"


def ordinary() -> dict[str, dict]:
    """The ordinary entries by their ids."""
    lines = itertools.chain(*(open(ORDINARY / name) for name in ("gcp.ndjson", "aws.ndjson")))
    entries = (json.loads(line) for line in lines)
    return {entry.get("insertId") or entry["eventID"]: entry for entry in entries}


def hits(entries: dict[str, dict]) -> dict[str, list[dict]]:
    """Entries that differ from ordinary ones in one value, by the detection that is to fire on them."""
    def like(slug: str) -> dict:
        found = (entry for name, entry in entries.items() if name.endswith(f"-{slug}"))
        return copy.deepcopy(next(found))

    request_v1 = like("run-v1-replace-basket")
    request_v1["protoPayload"]["request"]["service"]["metadata"]["annotations"][RUN_BREAK_GLASS] = JUSTIFICATION
    request_v2 = like("run-v2-update-basket")
    request_v2["protoPayload"]["request"]["service"]["binaryAuthorization"]["breakglassJustification"] = JUSTIFICATION
    revision = like("rev-ready-basket")
    status = revision["protoPayload"]["status"]
    before, _ = status["message"].split(" with message: ")
    status["message"] = f"{before} with message: Deployed with breakglass justification: {JUSTIFICATION}"
    pod = like("pod-basket")
    metadata = pod["protoPayload"]["request"]["metadata"]
    metadata["labels"][GKE_BREAK_GLASS] = "true"
    metadata["annotations"] = {"postern.dev/justification": JUSTIFICATION}
    trail = like("trail-started")
    trail["eventName"] = "StopLogging"
    api = like("su-disable")
    payload = api["protoPayload"]
    payload["resourceName"] = payload["request"]["name"] = "projects/420000000042/services/binaryauthorization.googleapis.com"
    return {
        "gcp.cloud-run.break-glass-requested": [request_v1, request_v2],
        "gcp.cloud-run.break-glass": [revision],
        "gcp.gke.break-glass": [pod],
        "aws.cloudtrail.trail-stopped": [trail],
        "gcp.serviceusage.api-disabled": [api],
    }


# The same as four of these, in jq: what people use who have no auditor.
BREAK_GLASS_IN_JQ = f"""select(
  (.protoPayload.status.message? // "" | contains("with message: Deployed with breakglass justification"))
  or (.protoPayload.request.service.metadata.annotations["{RUN_BREAK_GLASS}"]? // "" | length > 0)
  or (.protoPayload.request.service.binaryAuthorization.breakglassJustification? // "" | length > 0)
  or (.protoPayload.request.metadata.labels["{GKE_BREAK_GLASS}"]? == "true")
)"""
BREAK_GLASS = ("gcp.cloud-run.break-glass-requested", "gcp.cloud-run.break-glass", "gcp.gke.break-glass")


def of_mean(entries: list[dict], size: int) -> list[dict]:
    """Entries of this mean size in bytes: all of them, the smaller ones more often, or each filled up."""
    missing = size - mean(entries)
    if missing > 0:
        return [filled(entry, missing) for entry in entries]
    smaller = itertools.cycle([entry for entry in entries if length(entry) < size])
    chosen, total = list(entries), sum(map(length, entries))
    while total > size * len(chosen):
        chosen.append(next(smaller))
        total += length(chosen[-1])
    return chosen


def filled(entry: dict, missing: float) -> dict:
    """With that many bytes more of members that no detection reads, as long requests and responses have them."""
    entry = copy.deepcopy(entry)
    member = f'"{"m" * 12}":{{"value":"{"v" * 40}","known":true}},'
    members = {
        f"member{number:06}": {"value": hashlib.sha256(f"{number}".encode()).hexdigest()[:40], "known": True}
        for number in range(round(missing / len(member)))
    }
    if "eventVersion" in entry:
        entry["additionalEventData"] = {**(entry.get("additionalEventData") or {}), **members}
    elif entry.get("protoPayload", {}).get("serviceName"):
        entry["protoPayload"].setdefault("metadata", {}).update(members)
    else:
        entry["metadata"] = members
    return entry


def write(file: pathlib.Path, quiet: list[dict], loud: dict[str, list[dict]], count: int) -> dict[str, int]:
    """Writes so many entries, one in a hundred a hit, and gives back how often each detection is to fire."""
    expected = dict.fromkeys(loud, 0)
    ordinary_ones = itertools.cycle([Template(entry) for entry in quiet])
    kinds = itertools.cycle([(name, Template(entry)) for name, like in loud.items() for entry in like])
    with open(file, "w", buffering=1 << 20) as lines:
        for number in range(count):
            template = next(ordinary_ones)
            if number % HIT_EVERY == HIT_EVERY // 2:
                name, template = next(kinds)
                expected[name] += 1
            lines.write(template.written(number))
    return expected


class Template:
    """An entry as text, with places where it is varied."""

    def __init__(self, entry: dict):
        def place(found: re.Match) -> str:
            name, time, network, digits = found.groups()
            if name:
                return f"{name}-{NUMBER}"
            return TIME if time else f"{network}{OCTET}" if network else f"{digits}{HEXADECIMAL}"

        self.text = VARIED.sub(place, compact(entry)) + "\n"

    def written(self, number: int) -> str:
        """The entry's text, as only this number has it. Within an entry the same stays the same."""
        time = f"T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
        return (
            self.text.replace(NUMBER, f"{number:07}")
            .replace(TIME, time)
            .replace(OCTET, str(number % 254 + 1))
            .replace(HEXADECIMAL, f"{number:08x}")
        )


def compact(entry: dict) -> str:
    """As logs are exported: on one line, without blanks."""
    return json.dumps(entry, separators=(",", ":"), ensure_ascii=False)


def length(entry: dict) -> int:
    """Bytes on its line."""
    return len(compact(entry).encode()) + 1


def mean(entries: list[dict]) -> float:
    """Bytes of a line on average."""
    return sum(map(length, entries)) / len(entries)
