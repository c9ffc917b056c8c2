"""The steps of infra/pipelines, each by itself."""

import json
import pathlib
import re
import signal
import subprocess
import unittest

from cloud import KEY_VERSION
from world import DIGEST, IMAGE, NAME, TARGET, World, needs, postern

ATTESTOR = "projects/demo-mart/attestors/built-by-ci"
HERE = {"TARGET": TARGET, "POLICY_PROJECT": "demo-mart"}
SERVICE = {"PROJECT": "demo-mart", "REGION": "us-central1", "SERVICE": "web"}


class Recording(World):
    def test_a_push_is_known_by_the_digest_of_its_own_repository(self):
        self.steps(0, "push", f"{NAME}:v1")
        self.assertEqual((self.work / "ref").read_text(), f"{IMAGE}\n")

    def test_what_is_no_digest_is_refused(self):
        for words in [(NAME, "v1"), (NAME, "sha256:4d4d"), ("", DIGEST), (f"{NAME} --help", DIGEST)]:
            with self.subTest(words):
                self.steps(2, "record", *words)
        self.assertFalse((self.work / "ref").exists())

    def test_a_tag_is_left_out_and_a_port_is_not(self):
        self.steps(0, "record", "localhost:5000/web:v1", DIGEST)
        self.assertEqual((self.work / "ref").read_text(), f"localhost:5000/web@{DIGEST}\n")

    def test_nothing_goes_on_without_a_digest(self):
        self.steps(2, "gate", **HERE)
        self.assertIn("run push or record first", self.said)
        self.work.mkdir()
        (self.work / "ref").write_text(f"{NAME}:v1\n")
        self.steps(2, "gate", **HERE)
        self.steps(2, "attest-kms", ATTESTOR=ATTESTOR, KEY_VERSION=KEY_VERSION)

    def test_the_command_comes_out_of_an_image_by_digest_only(self):
        (self.bin / "postern").unlink(missing_ok=True)
        words = {"POSTERN_BIN": str(self.folder / "bin")}
        self.steps(2, "fetch-postern", POSTERN_IMAGE=f"{NAME}:v1", **words)
        self.assertEqual(self.told, [])


class Deciding(World):
    def setUp(self):
        super().setUp()
        self.steps(0, "record", NAME, DIGEST)

    def attest(self):
        self.steps(0, "attest-kms", ATTESTOR=ATTESTOR, KEY_VERSION=KEY_VERSION)

    @property
    def decision(self):
        return json.loads((self.work / "decision.json").read_text())

    @needs("gcloud", "openssl", "jq", "postern")
    def test_what_kms_attested_is_deployed_by_digest(self):
        self.attest()
        self.steps(0, "gate", **HERE)
        self.assertEqual(self.decision["verdict"], "CONFORMANT")
        self.steps(0, "deploy-cloud-run", **SERVICE)
        [deployed] = self.deployments()
        self.assertIn(f"--image={IMAGE} --binary-authorization=default", deployed)
        self.assertNotIn("breakglass", deployed)

    @needs("gcloud", "openssl", "jq", "postern")
    def test_what_nobody_attested_is_denied_and_not_deployed(self):
        self.steps(1, "gate", **HERE)
        self.assertIn("NO_ATTESTATION", self.said)
        self.steps(2, "deploy-cloud-run", **SERVICE)
        self.assertEqual(self.deployments(), [])

    @needs("gcloud", "openssl", "jq", "postern")
    def test_what_cannot_be_read_is_undetermined_and_not_deployed(self):
        self.attest()
        for closed in ["/policy", "/attestors/", "/occurrences"]:
            with self.subTest(closed):
                self.google.closed = {closed}
                self.steps(3, "gate", **HERE)
                self.assertFalse((self.work / "evidence").exists())
                self.steps(2, "deploy-cloud-run", **SERVICE)
        self.assertEqual(self.deployments(), [])

    @needs("gcloud", "openssl", "jq", "postern")
    def test_an_attestor_that_is_gone_is_a_denial_where_it_is_asked_for(self):
        self.attest()
        key = self.google.attestors.pop("built-by-ci")
        self.steps(1, "gate", **HERE)
        self.assertIn("ATTESTOR_NOT_FOUND", self.said)
        # The other rule's has never been there.
        self.google.attestors["built-by-ci"] = key
        self.steps(0, "gate", **HERE)

    @needs("gcloud", "openssl", "gpg", "jq", "postern")
    def test_what_gpg_signed_is_rolled_out_on_the_cluster_that_asks_for_it(self):
        key = self.pgp_key()
        cluster = {"PROJECT": "demo-mart", "REGION": "us-central1", "CLUSTER": "shop", "NAMESPACE": "web"}
        workload = {"DEPLOYMENT": "web", "CONTAINER": "app"}
        here = {"TARGET": "gke:us-central1.shop/web", "POLICY_PROJECT": "demo-mart"}
        self.steps(1, "gate", **here)
        signer = "projects/demo-mart/attestors/signed-by-pgp"
        self.steps(0, "attest-pgp", ATTESTOR=signer, PGP_PRIVATE_KEY=key)
        self.assertEqual(list(pathlib.Path("/tmp").glob("gpg.*/payload")), [])
        self.steps(0, "gate", **here)
        # An allowance is for the target that was asked about.
        self.steps(2, "deploy-cloud-run", **SERVICE)
        self.steps(0, "deploy-gke", **cluster, **workload)
        self.assertIn(f"kubectl --namespace web set image deployment/web app={IMAGE}", self.deployments())

    @needs("jq")
    def test_only_the_four_exit_codes_leave_the_gate(self):
        files = {"TARGET": TARGET, "POLICY": "policy.json"}
        for said, expected in [(0, 3), (1, 1), (2, 2), (3, 3), (4, 3), (101, 3)]:
            with self.subTest(said):
                # Exits so without having said anything.
                self.program("postern", f"#!/bin/sh\nexit {said}\n")
                self.steps(expected, "gate", **files)
        self.program("postern", f"#!/bin/sh\nkill -{signal.SIGKILL.value} $$\n")
        self.steps(3, "gate", **files)
        (self.programs / "postern").unlink()
        (self.bin / "postern").unlink(missing_ok=True)
        self.steps(3, "gate", **files)

    @needs("jq")
    def test_an_allowance_of_something_else_allows_nothing(self):
        files = {"TARGET": TARGET, "POLICY": "policy.json"}
        other = f"{NAME}@sha256:{'00' * 32}"
        wrong = [
            {"images": [{"image": other}]},
            {"images": [{"image": IMAGE}, {"image": other}]},
            {"images": []},
            {"target": "cloud-run:demo-mart/us-central1/other"},
            {"allowed": False},
            {"allowed": "true"},
            {"kind": "Case"},
        ]
        for change in wrong:
            with self.subTest(change):
                self.answers(**change)
                self.steps(3, "gate", **files)
        self.answers()
        # Twice is not one decision.
        self.program("postern", "#!/bin/sh\nexec cat answer.json answer.json\n")
        self.steps(3, "gate", **files)
        self.answers()
        self.steps(0, "gate", **files)
        self.steps(0, "record", NAME, f"sha256:{'00' * 32}")
        self.steps(2, "deploy-cloud-run", **SERVICE)
        self.assertEqual(self.deployments(), [])

    def answers(self, **change):
        """Makes `postern` allow, with something in its answer changed."""
        decision = {"kind": "Decision", "allowed": True, "verdict": "CONFORMANT", "target": TARGET}
        decision |= {"breakGlass": None, "images": [{"image": IMAGE, "reasons": []}], **change}
        for image in decision["images"]:
            image.setdefault("reasons", [])
        (self.folder / "answer.json").write_text(json.dumps(decision))
        self.program("postern", '#!/bin/sh\nexec cat answer.json\n')

    @needs("jq")
    def test_a_service_that_runs_something_else_is_a_failure(self):
        self.answers()
        self.steps(0, "gate", TARGET=TARGET, POLICY="policy.json")
        self.program("gcloud", "#!/bin/sh\necho us-central1-docker.pkg.dev/demo-mart/apps/web:v1\n")
        self.steps(1, "deploy-cloud-run", **SERVICE)


class Asking(World):
    """Of a gate function."""

    def setUp(self):
        super().setUp()
        self.steps(0, "record", NAME, DIGEST)

    def gate(self, policy):
        """Starts the gate with one policy, and gives back how to ask it."""
        (self.folder / "policy.json").write_text(json.dumps(policy))
        (self.folder / "gate.yaml").write_text(
            "listen: 127.0.0.1:0\npolicy: policy.json\nattestors: attestors.json\n"
            "attestations: [store]\nbreakGlass: {ticket: 'INC-[0-9]+', maxPerDay: 3}\n"
        )
        attestors = {"attestors": list(self.google.attestors.values())}
        (self.folder / "attestors.json").write_text(json.dumps(attestors))
        words = [postern(), "serve", "--only", "gate", "--config", "gate.yaml", "--data", "data"]
        process = subprocess.Popen(
            words, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.addCleanup(process.stdout.close)
        for line in process.stdout:
            if found := re.search(r"listening on (http://\S+)", line):
                return {"TARGET": TARGET, "GATE_URL": found.group(1)}
        self.fail("the gate did not start")

    @needs("openssl", "curl", "jq", "postern")
    def test_it_allows_and_denies(self):
        rule = {"evaluationMode": "ALWAYS_ALLOW", "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG"}
        self.steps(0, "gate", **self.gate({"defaultAdmissionRule": rule}))
        self.steps(0, "deploy-cloud-run", **SERVICE)
        self.steps(1, "gate", **self.gate(self.google.policy))
        self.steps(2, "deploy-cloud-run", **SERVICE)
        self.assertEqual(len(self.deployments()), 1)

    @needs("openssl", "curl", "jq", "postern")
    def test_break_glass_takes_ticket_and_justification_and_reaches_the_platform(self):
        gate = self.gate(self.google.policy)
        ticket, why = {"BREAK_GLASS_TICKET": "INC-204"}, {"BREAK_GLASS_JUSTIFICATION": "the checkout is down"}
        self.steps(2, "gate", **gate, **ticket)
        self.steps(2, "gate", **gate, **why)
        self.steps(2, "gate", **gate, **why, BREAK_GLASS_TICKET="INC-204\nmore")
        self.steps(2, "gate", **HERE, **ticket, **why)
        self.assertIn("set GATE_URL", self.said)
        self.steps(1, "gate", **gate, BREAK_GLASS_TICKET="none", **why)
        self.steps(0, "gate", **gate, **ticket, **why)
        self.assertIn("ALLOWED BY BREAK-GLASS", self.said)
        self.steps(0, "deploy-cloud-run", **SERVICE)
        self.assertIn("--breakglass=INC-204 the checkout is down", self.deployments()[0])
        self.steps(2, "deploy-gke", **SERVICE, CLUSTER="shop", NAMESPACE="web", DEPLOYMENT="web", CONTAINER="app")

    @needs("curl", "jq")
    def test_a_gate_that_is_gone_is_undetermined(self):
        self.steps(3, "gate", TARGET=TARGET, GATE_URL="http://127.0.0.1:9")
        # Nor is anybody asked without TLS, unless on this machine.
        self.steps(3, "gate", TARGET=TARGET, GATE_URL="http://gate.example")
        self.assertIn("rotocol", self.said)

    @needs("curl", "jq")
    def test_who_answers_without_deciding_allows_nothing(self):
        # A stand-in that answers 404 for every path of the gate, and 403 where it is closed.
        gate = {"TARGET": TARGET, "GATE_URL": self.google.url}
        self.steps(2, "gate", **gate)
        self.google.closed = {"/v1/decisions"}
        self.steps(2, "gate", **gate)
        self.google.closed = set()
        self.google.answer = lambda *_: {"allowed": True}
        self.steps(3, "gate", **gate)


if __name__ == "__main__":
    unittest.main()
