"""A stand-in for what the pipelines need of Google Cloud: Binary Authorization, Container Analysis and a
key in Cloud KMS, whose signatures are made by openssl. On loopback, in this process."""

import base64
import http.server
import json
import pathlib
import subprocess
import threading
import urllib.parse

PROJECT = "demo-mart"
KEY_VERSION = f"projects/{PROJECT}/locations/us-central1/keyRings/deploy/cryptoKeys/built-by-ci/cryptoKeyVersions/1"


class Google:
    """Knows one policy and the attestors that it is given, and keeps occurrences."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.key = self.folder / "kms.pem"
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.key)
        self.public = run("openssl", "ec", "-in", self.key, "-pubout").decode()
        self.policy = policy()
        self.attestors = {}
        self.occurrences = []
        # Parts of paths that answer 403: what may not be read is no more known than in an outage, and
        # gcloud asks only once.
        self.closed = set()
        self.attestor(
            "built-by-ci",
            {
                "id": f"//cloudkms.googleapis.com/v1/{KEY_VERSION}",
                "pkixPublicKey": {"publicKeyPem": self.public, "signatureAlgorithm": "ECDSA_P256_SHA256"},
            },
        )

    def attestor(self, name, key):
        self.attestors[name] = {
            "name": f"projects/{PROJECT}/attestors/{name}",
            "userOwnedGrafeasNote": {
                "noteReference": f"projects/{PROJECT}/notes/{name}",
                "publicKeys": [key],
            },
        }

    def __enter__(self):
        google = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(None)

            def do_POST(self):
                self.answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def answer(self, body):
                found = google.answer(self.command, urllib.parse.urlsplit(self.path), body)
                status, said = (200, found) if found is not None else (404, problem(404))
                if any(part in self.path for part in google.closed):
                    status, said = 403, problem(403)
                said = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, method, url, body):
        """What there is at a path, or None."""
        version, _, path = url.path.strip("/").partition("/")
        if version not in ("v1", "v1beta1"):
            return None
        if (method, path) == ("GET", f"projects/{PROJECT}/policy"):
            return self.policy
        for name, attestor in self.attestors.items():
            if (method, path) == ("GET", f"projects/{PROJECT}/attestors/{name}"):
                if version == "v1beta1":
                    # It has another name for the same.
                    return {"name": attestor["name"], "userOwnedDrydockNote": attestor["userOwnedGrafeasNote"]}
                return attestor
            if (method, path) == ("POST", f"projects/{PROJECT}/attestors/{name}:validateAttestationOccurrence"):
                return {"result": "VERIFIED"}
            if (method, path) == ("GET", f"projects/{PROJECT}/notes/{name}/occurrences"):
                note = attestor["userOwnedGrafeasNote"]["noteReference"]
                return {"occurrences": [each for each in self.occurrences if each["noteName"] == note]}
        if (method, path) == ("POST", f"projects/{PROJECT}/occurrences"):
            name = f"projects/{PROJECT}/occurrences/{len(self.occurrences) + 1}"
            self.occurrences.append({"name": name, **body})
            return self.occurrences[-1]
        if (method, path) == ("GET", f"{KEY_VERSION}/publicKey"):
            return {"pem": self.public, "algorithm": "EC_SIGN_P256_SHA256", "name": KEY_VERSION}
        if (method, path) == ("POST", f"{KEY_VERSION}:asymmetricSign"):
            return {"name": KEY_VERSION, "signature": self.sign(body["digest"]["sha256"])}
        return None

    def sign(self, digest):
        digest = base64.urlsafe_b64decode(digest)
        words = ["openssl", "pkeyutl", "-sign", "-inkey", self.key]
        signature = subprocess.run(words, input=digest, check=True, stdout=subprocess.PIPE).stdout
        return base64.b64encode(signature).decode()


def policy():
    """Cloud Run asks for an attestation with the key in KMS, one cluster for one by OpenPGP."""

    def rule(attestor):
        return {
            "evaluationMode": "REQUIRE_ATTESTATION",
            "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
            "requireAttestationsBy": [f"projects/{PROJECT}/attestors/{attestor}"],
        }

    return {
        "name": f"projects/{PROJECT}/policy",
        "defaultAdmissionRule": rule("built-by-ci"),
        "clusterAdmissionRules": {"us-central1.shop": rule("signed-by-pgp")},
    }


def problem(status):
    name = {403: "PERMISSION_DENIED", 404: "NOT_FOUND"}[status]
    return {"error": {"code": status, "message": "a stand-in says so", "status": name}}


def run(*words):
    return subprocess.run([*map(str, words)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
