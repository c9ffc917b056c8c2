"""Linters, schemas and house rules for what is in infra/pipelines and infra/images."""

import re
import subprocess
import unittest

import yaml
from world import ROOT, TOOLS, needs

PIPELINES = ROOT / "infra/pipelines"
IMAGES = ROOT / "infra/images"
CLOUD_BUILD = [PIPELINES / "cloud-build/cloudbuild.yaml", IMAGES / "step.cloudbuild.yaml"]
WORKFLOW = PIPELINES / "github/deploy.yml"
ACTION = PIPELINES / "github/action/action.yml"
CIRCLECI = sorted((PIPELINES / "circleci").glob("*.yml"))
GITLAB = PIPELINES / "gitlab/gitlab-ci.yml"
ALL = [*CLOUD_BUILD, WORKFLOW, ACTION, *CIRCLECI, GITLAB]
# What asks whether it may be deployed, and deploys.
DEPLOYING = [CLOUD_BUILD[0], WORKFLOW, *CIRCLECI, GITLAB]


def scripts(value):
    """Every script in a parsed pipeline, whatever its system calls it."""
    if isinstance(value, list):
        for each in value:
            yield from scripts(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("script", "run", "command") and isinstance(each, str):
                yield each
            elif key == "script":
                yield from each
            else:
                yield from scripts(each)


class Lint(unittest.TestCase):
    def clean(self, tool, *words, stdin=None):
        program = TOOLS / tool if (TOOLS / tool).exists() else tool
        done = subprocess.run(
            [program, *words],
            cwd=ROOT,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_file_is_looked_at(self):
        there = {*PIPELINES.rglob("*.y*ml"), *IMAGES.rglob("*.y*ml")}
        self.assertEqual(there, set(ALL))

    @needs("yamllint")
    def test_yamllint(self):
        self.clean("yamllint", "--strict", "--config-file", "tests/pipelines/yamllint.yaml", *ALL)

    @needs("check-jsonschema")
    def test_schemas(self):
        for schema, files in [
            ("cloudbuild", CLOUD_BUILD),
            ("github-workflows", [WORKFLOW]),
            ("github-actions", [ACTION]),
            ("circle-ci", CIRCLECI),
        ]:
            with self.subTest(schema):
                self.clean("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
        gitlab = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", GITLAB]
        self.clean("check-jsonschema", *gitlab)

    @needs("actionlint", "shellcheck")
    def test_actionlint(self):
        self.clean("actionlint", WORKFLOW)

    @needs("zizmor")
    def test_zizmor(self):
        words = ["--offline", "--no-progress", "--no-config", "--persona=pedantic", "--strict-collection"]
        self.clean("zizmor", *words, WORKFLOW, ACTION)

    @needs("shellcheck")
    def test_shellcheck_of_scripts_inside(self):
        for file in ALL:
            for script in scripts(yaml.safe_load(file.read_text())):
                with self.subTest(f"{file.name}: {script[:40]}"):
                    # Substituted by the CI system before a shell sees it.
                    script = re.sub(r"\$\{\{.*?\}\}|<<.*?>>", "x", script)
                    # Variables for others, and what only the job's machine has.
                    words = ["--shell=bash", "--exclude=SC2016,SC1091", "-"]
                    self.clean("shellcheck", *words, stdin=script)


class House(unittest.TestCase):
    """What no linter knows."""

    def test_actions_are_pinned_by_commit(self):
        for file in [WORKFLOW, ACTION]:
            for line in re.findall(r"uses: (.*)", file.read_text()):
                with self.subTest(line):
                    pinned = re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
                    self.assertTrue(pinned or line.startswith("./postern/infra/pipelines/github/action"))

    def test_no_checkout_leaves_its_token_behind(self):
        for name, job in yaml.safe_load(WORKFLOW.read_text())["jobs"].items():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    with self.subTest(name):
                        self.assertIs(step["with"]["persist-credentials"], False)

    def test_images_are_named_by_variable_or_digest(self):
        for file in ALL:
            for line in re.findall(r"^[ -]*(?:image|name|container): *(\S*[/$]\S*)$", file.read_text(), re.MULTILINE):
                with self.subTest(f"{file.name}: {line}"):
                    self.assertRegex(line, r"^\$\w+$|@sha256:[0-9a-f]{64}$")
        for file in [*CLOUD_BUILD]:
            for name, value in yaml.safe_load(file.read_text())["substitutions"].items():
                if f"name: ${name}" in file.read_text():
                    self.assertRegex(value, r"@sha256:[0-9a-f]{64}$")

    def test_no_failure_is_allowed(self):
        let_through = re.compile(
            r"allowFailure|allowExitCodes|continue-on-error: true|allow_failure: (?!false)|\|\| *(true|:)|set \+e|-ne 3|\|\| \[ \$\?"
        )
        for file in DEPLOYING:
            with self.subTest(file.name):
                self.assertIsNone(let_through.search(file.read_text()))

    def test_nothing_is_deployed_before_the_gate_was_asked(self):
        for file in DEPLOYING:
            with self.subTest(file.name):
                said = "\n".join(scripts(yaml.safe_load(file.read_text())))
                if file == WORKFLOW:
                    # There it is the action that asks.
                    said = file.read_text()
                    self.assertLess(said.index("command: check"), said.index("steps/deploy-cloud-run"))
                else:
                    gate = re.search(r"(^|[ '])gate$", said, re.MULTILINE)
                    self.assertLess(gate.start(), re.search(r"^deploy-", said, re.MULTILINE).start())
                self.assertNotRegex(said, r"gcloud run (deploy|services)|kubectl|postern deploy")

    def test_break_glass_is_never_the_default(self):
        for file in DEPLOYING:
            for line in file.read_text().splitlines():
                if found := re.search(r"(?i)break.glass.(?:ticket|justification): *(\S.*)", line):
                    with self.subTest(f"{file.name}: {line}"):
                        self.assertRegex(found[1], r"^''$|^\$\{\{ inputs\.|^<< pipeline\.parameters\.")

    def test_secrets_are_named_and_never_written_out(self):
        for file in [*ALL, *(PIPELINES / "steps").iterdir(), PIPELINES / "github/action/run"]:
            with self.subTest(file.name):
                text = file.read_text()
                self.assertNotRegex(text, r"set -\w*x|BEGIN (PGP|EC|RSA)?.*PRIVATE KEY|GCLOUD_SERVICE_KEY|credentials_json")

    def test_steps_can_be_run_and_say_what_they_need(self):
        steps = [path for path in (PIPELINES / "steps").iterdir() if path.suffix != ".sh"]
        self.assertGreater(len(steps), 8)
        for path in steps:
            with self.subTest(path.name):
                self.assertTrue(path.stat().st_mode & 0o100)
                lines = path.read_text().splitlines()
                self.assertEqual(lines[0], "#!/usr/bin/env bash")
                self.assertIn("set -euo pipefail", lines)

    def test_the_readme_tells_of_every_file(self):
        for folder, files in [(PIPELINES, ALL), (IMAGES, [])]:
            text = (folder / "README.md").read_text()
            wanted = [path for path in files if folder in path.parents]
            wanted += [*(folder / "steps").glob("[!c]*")] if (folder / "steps").is_dir() else [*folder.iterdir()]
            for path in wanted:
                if path.name != "README.md":
                    with self.subTest(path.name):
                        self.assertIn(path.name, text)


if __name__ == "__main__":
    unittest.main()
