"""What the benches share: a registry with an attested image, and what a policy asks of it.

Everything is synthetic and made for one run; keys and the raw signature are OpenSSL's. A scene is a
folder, and a Debian `docker-registry` that keeps an access log in it.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ATTESTOR = "projects/demo-project/attestors/built-by-ci"
NOTE = "projects/demo-project/notes/built-by-ci"
REPOSITORY = "demo-project/app"
TAG = "v1"
# How long a server may take to say where it listens. It bounds a hang, nothing waits for it.
START_SECONDS = 60


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the options that every bench has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--postern",
        type=pathlib.Path,
        default=TARGET / "release/postern",
        help="the binary to measure (default: %(default)s)",
    )
    parser.add_argument(
        "--gate",
        type=pathlib.Path,
        help="serve with this postern-gate binary instead of `postern serve`",
    )
    parser.add_argument(
        "--folder",
        type=pathlib.Path,
        default=TARGET,
        help="where the scene's folder is made: which disk the store is on (default: %(default)s)",
    )
    return parser


def tool(name: str) -> str:
    """The path of a program: what tests/tools/install built comes first."""
    path = os.pathsep.join([str(ROOT / "target/tools/bin"), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    return found or sys.exit(f"{name} is missing; see tests/benches/README.md")


def run(*command, text: bytes | None = None) -> bytes:
    """A program's standard output; a program that fails ends the bench with what it said."""
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command}: exit {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout


class Scene:
    """A registry with one image, its policy, its attestor, and its attestation in three forms."""

    def __init__(self, folder: pathlib.Path, postern: pathlib.Path, stack: contextlib.ExitStack):
        self.folder = folder
        self.postern = postern if postern.is_file() else sys.exit(
            f"{postern} is missing: cargo build --release -p postern"
        )
        self.access_log = folder / "access.log"
        self.registry = self._start_registry(stack)
        self.by_tag, self.by_digest = self.push(REPOSITORY)
        self.policy = self._write("policy.yaml", policy())
        self.key = folder / "key.pem"
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        self.public_key = run("openssl", "ec", "-in", self.key, "-pubout").decode()
        self.attestors = self._write("attestors.json", attestors(self.public_key))
        self.occurrences = self._write("occurrences.json", {"occurrences": [self._occurrence()]})

    def push(self, repository: str) -> tuple[str, str]:
        """Pushes the image, the same bytes each time, and gives back its name by tag and by digest."""
        digest = write_layout(self.folder / "layout")
        name = f"{self.registry}/{repository}"
        run(
            *(tool("skopeo"), "--insecure-policy", "copy", "--quiet", "--preserve-digests"),
            *("--dest-tls-verify=false", f"oci:{self.folder}/layout", f"docker://{name}:{TAG}"),
        )
        return f"{name}:{TAG}", f"{name}@{digest}"

    def attest_beside_the_image(self) -> None:
        """Stores the attestation in the registry."""
        run(
            *(self.postern, "attest", self.by_digest, "--attestor", ATTESTOR),
            *("--attestors", self.attestors, "--key", f"file:{self.key}"),
            *("--to", "registry", "--data", self.folder / "data"),
        )

    def check(self, image: str) -> list[str]:
        """The command line of a decision whose evidence is in the registry."""
        return [
            *(str(self.postern), "check", image, "--policy", str(self.policy)),
            *("--attestors", str(self.attestors), "--attestations", "registry"),
            *("--data", str(self.folder / "no-data")),
        ]

    def requests(self) -> int:
        """How many requests the registry has answered, once it has logged them all."""
        seen = -1
        while seen != (seen := len(self.access_log.read_bytes().splitlines())):
            time.sleep(0.2)
        return seen

    @contextlib.contextmanager
    def serving(self, attestations: list[str], gate: pathlib.Path | None, prefix: list[str]):
        """A gate with an empty store that looks for attestations there: its process and its URL."""
        data = pathlib.Path(tempfile.mkdtemp(prefix="gate-", dir=self.folder))
        registry = {"host": self.registry, "plainHttp": True, "allowPrivate": True}
        config = self._write(f"{data.name}.yaml", {
            "listen": "127.0.0.1:0",
            "store": f"sqlite:{data}/postern.db",
            "policy": str(self.policy),
            "attestors": str(self.attestors),
            "attestations": attestations,
            "registries": [registry],
        })
        command = [str(gate)] if gate else [
            *(str(self.postern), "serve", "--config", str(config), "--listen", "127.0.0.1:0"),
            *("--data", str(data), "--only", "gate"),
        ]
        environment = {**os.environ, "POSTERN_CONFIG": str(config)}
        with started(prefix + command, data / "output", environment) as process:
            yield process, f"http://{address(process, data / 'output')}"

    def _start_registry(self, stack: contextlib.ExitStack) -> str:
        config = self._write("registry.json", {
            "version": 0.1,
            "log": {"level": "info", "formatter": "json"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "registry")}},
            "http": {"addr": "127.0.0.1:0", "secret": "synthetic"},
        })
        log = self.folder / "registry.log"
        command = [tool("docker-registry"), "serve", str(config)]
        process = stack.enter_context(started(command, self.access_log, None, log))
        return address(process, log)

    def _occurrence(self) -> dict:
        """As an attestation looks that was made without Postern's signer."""
        payload = run(self.postern, "payload", self.by_digest)
        signature = run("openssl", "dgst", "-sha256", "-sign", self.key, text=payload)
        public = self.folder / "key.pub.pem"
        public.write_text(self.public_key)
        key_id = run(self.postern, "key", "id", public).decode().strip()
        return {
            "name": "projects/demo-project/occurrences/1",
            "kind": "ATTESTATION",
            "noteName": NOTE,
            "resourceUri": f"https://{self.by_digest}",
            "attestation": {
                "serializedPayload": base64.b64encode(payload).decode(),
                "signatures": [{
                    "publicKeyId": key_id,
                    "signature": base64.b64encode(signature).decode(),
                }],
            },
        }

    def _write(self, name: str, content: dict) -> pathlib.Path:
        file = self.folder / name
        file.write_text(json.dumps(content, indent=1))
        return file


@contextlib.contextmanager
def scene(options: argparse.Namespace):
    """A scene that is gone at the end, with everything that it started."""
    options.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder))
        yield Scene(pathlib.Path(folder).resolve(), options.postern.resolve(), stack)


def write_layout(folder: pathlib.Path) -> str:
    """Writes an OCI layout with one small image, and gives back the image's digest."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def blob(content: bytes, media_type: str) -> dict:
        name = hashlib.sha256(content).hexdigest()
        (blobs / name).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(content)}

    oci = "application/vnd.oci.image"
    # Two empty records end a tar archive: this is one without files.
    layer = blob(bytes(1024), f"{oci}.layer.v1.tar")
    config = {
        "architecture": "amd64", "os": "linux", "config": {"Labels": {"synthetic": "bench"}},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2, "mediaType": f"{oci}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), f"{oci}.config.v1+json"), "layers": [layer],
    }
    image = blob(json.dumps(manifest).encode(), f"{oci}.manifest.v1+json")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [image]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return image["digest"]


def policy() -> dict:
    """Every image needs the attestor's word."""
    return {"defaultAdmissionRule": {
        "evaluationMode": "REQUIRE_ATTESTATION",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        "requireAttestationsBy": [ATTESTOR],
    }}


def attestors(public_key: str) -> dict:
    """The one attestor, with its one P-256 key."""
    return {"attestors": [{"name": ATTESTOR, "userOwnedGrafeasNote": {
        "noteReference": NOTE,
        "publicKeys": [{"pkixPublicKey": {
            "publicKeyPem": public_key, "signatureAlgorithm": "ECDSA_P256_SHA256",
        }}],
    }}]}


@contextlib.contextmanager
def started(command: list[str], stdout: pathlib.Path, environment=None, stderr: pathlib.Path | None = None):
    """A server, ended at the end."""
    with open(stdout, "wb") as out, open(stderr or stdout.with_suffix(".errors"), "wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def address(process: subprocess.Popen, file: pathlib.Path) -> str:
    """Where a server says that it listens, as soon as it has written that there."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"listening on (?:http://)?([\d.]+:\d+)\W", file.read_text()):
            return found[1]
        time.sleep(0.02)
    output = "".join(part.read_text() for part in (file, file.with_suffix(".errors")) if part.exists())
    sys.exit(f"{process.args} did not start:\n{output}")
