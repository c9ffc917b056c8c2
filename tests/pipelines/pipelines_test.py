"""The pipelines of infra/pipelines, each from end to end: what they tell a machine to do is taken out of
their files and done, in their order, up to the first that fails."""

import json
import pathlib
import re
import shutil
import unittest

import yaml
from cloud import KEY_VERSION
from world import DIGEST, IMAGE, NAME, ROOT, TARGET, World, needs

PIPELINES = ROOT / "infra/pipelines"
SERVICE = {"PROJECT": "demo-mart", "REGION": "us-central1", "SERVICE": "web"}
CLUSTER = {"PROJECT": "demo-mart", "REGION": "us-central1", "CLUSTER": "shop", "NAMESPACE": "web"}
ATTESTOR = "projects/demo-mart/attestors/built-by-ci"
PROVIDER = "projects/111122223333/locations/global/workloadIdentityPools/ci/providers/ci"
TOOLS = ("gcloud", "openssl", "jq", "postern")


def load(name):
    return yaml.safe_load((PIPELINES / name).read_text())


class Pipeline(World):
    def is_deployed(self, failed, where="gcloud run deploy web"):
        self.assertIsNone(failed, self.said)
        deployed = [line for line in self.deployments() if line.startswith(where)]
        self.assertEqual(len(deployed), 1, self.told)
        self.assertIn(f"={IMAGE}", deployed[0])

    def is_not_deployed(self, failed, step, status):
        self.assertEqual(failed, (step, status), self.said)
        self.assertEqual(self.deployments(), [])


class CloudBuild(Pipeline):
    def build(self, without=(), **substitutions):
        """Which step ended the build, and with what; None if none did."""
        config = load("cloud-build/cloudbuild.yaml")
        values = {"PROJECT_ID": "demo-mart", "BUILD_ID": "1-2-3", **config["substitutions"], **substitutions}
        environment = dict(values)
        for line in config["options"]["env"]:
            name, value = line.split("=", 1)
            environment[name] = re.sub(r"\$(\w+)", lambda found: values[found[1]], value)
        environment["POSTERN_WORK"] = str(self.work)
        for step in config["steps"]:
            if step["id"] in without:
                continue
            # With its shebang, as Cloud Build runs it.
            script = self.folder / "script"
            script.write_text(step["script"])
            script.chmod(0o755)
            if status := self.run_command([str(script)], environment):
                return step["id"], status
        return None

    @needs(*TOOLS)
    def test_cloud_build_deploys_what_it_attested(self):
        self.is_deployed(self.build())
        self.assertIn(f"docker build --tag {NAME}:1-2-3 .", self.told)

    @needs(*TOOLS)
    def test_cloud_build_stops_at_the_gate(self):
        self.is_not_deployed(self.build(without=["attest"]), "gate", 1)
        self.google.closed = {"/policy"}
        self.is_not_deployed(self.build(), "gate", 3)
        emergency = {"_BREAK_GLASS_TICKET": "INC-204", "_BREAK_GLASS_JUSTIFICATION": "$(touch pwned); `id`"}
        self.is_not_deployed(self.build(**emergency), "gate", 2)
        self.assertFalse((self.folder / "pwned").exists())


class CircleCi(Pipeline):
    def build(self, name, variables, without=(), parameters=None):
        """Which job ended the pipeline, and with what; None if none did."""
        config = load(f"circleci/{name}.yml")
        # What the image brings is there only once the pipeline has taken it out.
        home = self.folder
        path = ":".join(part for part in self.environment["PATH"].split(":") if "/tree/" not in part)
        environment = {"PATH": path, "BASH_ENV": str(home / "bash-env"), "CIRCLE_SHA1": "c0ffee"}
        environment |= {"CIRCLE_OIDC_TOKEN_V2": "synthetic", "IMAGE": NAME, "IDENTITY_PROVIDER": PROVIDER}
        environment |= {"SERVICE_ACCOUNT": "ci@demo-mart.iam.gserviceaccount.com", "POSTERN_STEP": IMAGE}
        self.program("circleci", "#!/bin/sh\necho synthetic\n")
        flow = "break-glass" if parameters else "deploy"
        for entry in config["workflows"][flow]["jobs"]:
            [(job, said)] = entry.items()
            if said.get("type") == "approval" or job in without:
                continue
            own = {
                variable: re.sub(r"<< pipeline.parameters.(\S+) >>", lambda it: (parameters or {}).get(it[1], ""), value)
                for variable, value in config["jobs"][job].get("environment", {}).items()
            }
            # Each job is a machine of its own.
            shutil.rmtree(home / "postern", ignore_errors=True)
            (home / "bash-env").write_text("")
            for command in self.commands(config, config["jobs"][job]["steps"]):
                words = ["bash", "-eo", "pipefail", "-c", command]
                if status := self.run_command(words, {**environment, **variables, **own}):
                    return job, status
        return None

    def commands(self, config, steps):
        for step in steps:
            if isinstance(step, str) and step in config["commands"]:
                yield from self.commands(config, config["commands"][step]["steps"])
            elif isinstance(step, dict) and "run" in step:
                yield step["run"]["command"]

    @needs(*TOOLS, "gpg")
    def test_circleci_rolls_out_what_its_openpgp_key_signed(self):
        signer = {"ATTESTOR": "projects/demo-mart/attestors/signed-by-pgp", "PGP_PRIVATE_KEY": self.pgp_key()}
        variables = {**CLUSTER, **signer, "DEPLOYMENT": "web", "CONTAINER": "app"}
        self.is_not_deployed(self.build("pgp", variables, without=["attest"]), "deploy", 1)
        self.is_deployed(self.build("pgp", variables), "kubectl --namespace web set image deployment/web app")

    @needs(*TOOLS, "curl")
    def test_circleci_logs_in_without_a_key_and_asks_the_gate(self):
        variables = {**SERVICE, "ATTESTOR": ATTESTOR, "KEY_VERSION": KEY_VERSION, "GATE_URL": "http://127.0.0.1:9"}
        self.is_not_deployed(self.build("keyless", variables), "deploy", 3)
        self.assertEqual(len(self.google.occurrences), 1)
        credentials = json.loads((self.work / "credentials.json").read_text())
        self.assertEqual(credentials["type"], "external_account")
        self.assertEqual(pathlib.Path(credentials["credential_source"]["file"]).read_text(), "synthetic")
        # Whoever opens the emergency door says why, or it stays shut.
        emergency = {"break-glass-ticket": "INC-204"}
        self.is_not_deployed(self.build("keyless", variables, parameters=emergency), "deploy", 2)


class GitLab(Pipeline):
    def build(self, without=()):
        """Which job ended the pipeline, and with what; None if none did."""
        config = load("gitlab/gitlab-ci.yml")
        # What `build` leaves, for which there is no engine here.
        (self.folder / "digest").write_text(DIGEST)
        environment = {**SERVICE, "IMAGE": NAME, "IDENTITY_PROVIDER": PROVIDER, "POLICY_PROJECT": "demo-mart"}
        environment |= {"ATTESTOR": ATTESTOR, "KEY_VERSION": KEY_VERSION}
        for account in ("ATTEST_ACCOUNT", "DEPLOY_ACCOUNT"):
            environment[account] = "ci@demo-mart.iam.gserviceaccount.com"
        for job in ("attest", "deploy"):
            tokens = dict.fromkeys(config[job]["id_tokens"], "synthetic")
            if job not in without:
                for line in config[job]["script"]:
                    if status := self.run_script(line, {**environment, **tokens}):
                        return job, status
        return None

    @needs(*TOOLS)
    def test_gitlab_deploys_what_it_attested_and_nothing_else(self):
        self.is_not_deployed(self.build(without=["attest"]), "deploy", 1)
        self.is_deployed(self.build())
        self.assertTrue(any("auth login --cred-file" in line for line in self.told))


class GitHub(Pipeline):
    def action(self, **inputs):
        """The exit code of the action."""
        action = load("github/action/action.yml")
        values = {f"inputs.{name}": said.get("default", "") for name, said in action["inputs"].items()}
        unknown = set(inputs) - {name.replace("-", "_") for name in action["inputs"]}
        self.assertEqual(unknown, set())
        values |= {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
        values |= {"runner.temp": str(self.folder), "inputs.wait-seconds": "0"}
        [step] = action["runs"]["steps"]
        environment = {
            name: re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values[found[1]], value)
            for name, value in step["env"].items()
        }
        self.output = self.folder / "output"
        self.work = self.folder / "postern/work"
        environment |= {"GITHUB_OUTPUT": str(self.output)}
        environment |= {"GITHUB_ACTION_PATH": str(PIPELINES / "github/action")}
        return self.run_script(step["run"], environment)

    def test_the_workflow_hands_on_the_digest_of_what_it_pushed(self):
        steps = load("github/deploy.yml")["jobs"]["build"]["steps"]
        [push] = [step for step in steps if step.get("id") == "push"]
        output = self.folder / "output"
        environment = {"IMAGE": NAME, "GITHUB_SHA": "c0ffee", "GITHUB_OUTPUT": str(output)}
        words = ["bash", "-eo", "pipefail", "-c", push["run"]]
        self.assertEqual(self.run_command(words, environment), 0, self.said)
        self.assertEqual(output.read_text(), f"image={IMAGE}\n")
        # Where docker knows no digest of that repository, nothing is handed on.
        self.assertNotEqual(self.run_command(words, {**environment, "IMAGE": "demo.example/web"}), 0)
        self.assertEqual(output.read_text(), f"image={IMAGE}\n")

    @needs(*TOOLS)
    def test_the_action_attests_and_checks_with_gcloud(self):
        check = {"command": "check", "image": IMAGE, "target": TARGET, "policy_project": "demo-mart"}
        self.assertEqual(self.action(**check), 1, self.said)
        self.assertIn("verdict=NON_CONFORMANT", self.output.read_text())
        attest = {"command": "attest", "image": IMAGE, "attestor": ATTESTOR, "key_version": KEY_VERSION}
        self.assertEqual(self.action(**attest), 0, self.said)
        self.assertEqual(self.action(**check), 0, self.said)
        outputs = dict(line.split("=", 1) for line in self.output.read_text().splitlines())
        self.assertEqual(outputs["verdict"], "CONFORMANT")
        self.assertTrue(json.loads(pathlib.Path(outputs["decision"]).read_text())["allowed"])
        # What follows in the workflow finds it where the action left it.
        self.steps(0, "deploy-cloud-run", **SERVICE, POSTERN_WORK=str(self.work))

    @needs("openssl", "jq", "postern")
    def test_the_action_attests_and_checks_by_files(self):
        (self.folder / "policy.json").write_text(json.dumps(self.google.policy))
        (self.folder / "attestors.json").write_text(json.dumps({"attestors": [*self.google.attestors.values()]}))
        check = {"command": "check", "image": IMAGE, "target": TARGET, "policy": "policy.json"}
        (self.folder / "none.json").write_text("[]")
        check |= {"attestors": "attestors.json\n"}
        self.assertEqual(self.action(**check, attestations="none.json"), 1, self.said)
        attest = {"command": "attest", "image": IMAGE, "attestor": ATTESTOR, "key": f"file:{self.google.key}"}
        self.assertEqual(self.action(**attest, to="store:data", attestors="attestors.json"), 0, self.said)
        self.assertEqual(self.action(**check, attestations="none.json\nstore:data\n"), 0, self.said)

    @needs("jq")
    def test_the_action_says_what_is_missing(self):
        self.assertEqual(self.action(command="deploy", image=IMAGE), 2)
        self.assertEqual(self.action(command="attest", image=IMAGE), 2)
        self.assertEqual(self.action(command="check", image=f"{NAME}:v1", target=TARGET), 2)
        gate = {"command": "check", "image": IMAGE, "target": TARGET, "gate_url": "https://gate.example"}
        self.assertEqual(self.action(**gate), 2)
        self.assertIn("GITHUB_AUDIENCE", self.said)
        self.assertEqual(self.action(**gate, gate_audience="postern"), 2)
        self.assertIn("id-token: write", self.said)


if __name__ == "__main__":
    unittest.main()
