"""Where a pipeline's scripts run for real: gcloud against a stand-in for Google Cloud, gpg, openssl and
the `postern` command. docker, kubectl and what deploys are programs that only write down what they were
told."""

import base64
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import cloud

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = ROOT / "infra/pipelines/steps"
TOOLS = ROOT / "target/tools/bin"
DIGEST = "sha256:" + "4d" * 32
NAME = "us-central1-docker.pkg.dev/demo-mart/apps/web"
IMAGE = f"{NAME}@{DIGEST}"
TARGET = "cloud-run:demo-mart/us-central1/web"
APIS = ("BINARYAUTHORIZATION", "CONTAINERANALYSIS", "CLOUDKMS")

# What asks Google goes to the stand-in; what would change something, or log in, is written down.
GCLOUD = """#!/usr/bin/env bash
case "$*" in
  *binauthz* | *create-cred-config*) exec "$REAL_GCLOUD" "$@" ;;
esac
printf 'gcloud %s\\n' "$*" >>"$TOLD"
case "$*" in
  'run services describe'*) cat "$RUNS" ;;
  'run deploy'*) sed -n 's/.*--image=\\([^ ]*\\).*/\\1/p' <<<"$*" >"$RUNS" ;;
esac
"""
DOCKER = f"""#!/usr/bin/env bash
printf 'docker %s\\n' "$*" >>"$TOLD"
case "$1 $2" in
  'image inspect') printf 'elsewhere.example/web@sha256:%064d\\n{IMAGE}\\n' 0 ;;
  'create '*) echo container ;;
  'cp container:/opt/postern') cp -r "$POSTERN_TREE" "$3" ;;
esac
"""
KUBECTL = """#!/usr/bin/env bash
printf 'kubectl %s\\n' "$*" >>"$TOLD"
"""


def postern():
    """The command as it was built, or the one that POSTERN_BINARY names."""
    return pathlib.Path(os.environ.get("POSTERN_BINARY", ROOT / "target/debug/postern"))


def needs(*tools):
    """Skips a test for want of a tool; with CI=true that is a failure."""

    def decorate(test):
        @functools.wraps(test)
        def checked(self, *rest):
            missing = [tool for tool in tools if not have(tool)]
            if missing and os.environ.get("CI") == "true":
                self.fail(f"CI=true requires {missing}; see tests/tools/install")
            if missing:
                raise unittest.SkipTest(f"{missing}")
            return test(self, *rest)

        return checked

    return decorate


def have(tool):
    if tool == "postern":
        return postern().is_file()
    return shutil.which(tool, path=f"{TOOLS}:{os.environ['PATH']}") is not None


class World(unittest.TestCase):
    """A folder of its own, with a project in it that is to be deployed."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.work = self.folder / ".postern"
        self.google = self.enterContext(cloud.Google(self.folder))
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        self.program("gcloud", GCLOUD)
        self.program("docker", DOCKER)
        self.program("kubectl", KUBECTL)
        tree = self.folder / "tree"
        shutil.copytree(STEPS, tree / "steps")
        self.bin = tree / "bin"
        self.bin.mkdir()
        if have("postern"):
            (self.bin / "postern").symlink_to(postern())
        self.environment = {
            "PATH": f"{self.programs}:{tree}/steps:{tree}/bin:{TOOLS}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "TOLD": str(self.folder / "told"),
            "RUNS": str(self.folder / "runs"),
            "REAL_GCLOUD": shutil.which("gcloud") or "gcloud",
            "POSTERN_TREE": str(tree),
            "POSTERN_WORK": str(self.work),
            "WAIT_SECONDS": "0",
            "CLOUDSDK_CONFIG": str(self.folder / "gcloud"),
            "CLOUDSDK_CORE_PROJECT": "demo-mart",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            "CLOUDSDK_AUTH_ACCESS_TOKEN": "synthetic",
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": self.google.url for api in APIS},
        }

    def program(self, name, text):
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def run_step(self, *words, **environment):
        """The exit code of a step; what it said is in `self.said`."""
        return self.run_command([*map(str, words)], environment)

    def run_script(self, text, environment):
        """The exit code of a script as a pipeline has it."""
        return self.run_command(["bash", "-c", text], environment)

    def run_command(self, words, environment):
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.said = done.stdout
        return done.returncode

    def steps(self, expected, *words, **environment):
        """Runs a step that has to end with this exit code."""
        self.assertEqual(self.run_step(*words, **environment), expected, self.said)

    @property
    def told(self):
        """What the programs that write it down were told."""
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []

    def deployments(self):
        return [line for line in self.told if line.startswith(("gcloud run deploy", "kubectl"))]

    def pgp_key(self):
        """Makes an OpenPGP key, has an attestor trust it, and gives back the secret half in base64."""
        home = tempfile.TemporaryDirectory(prefix="gpg")
        self.addCleanup(home.cleanup)

        def gpg(*words):
            words = ["gpg", "--homedir", home.name, "--batch", "--quiet", "--passphrase", "", *words]
            return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout

        gpg("--quick-generate-key", "Synthetic <ci@example.com>", "rsa3072", "sign", "never")
        listed = gpg("--with-colons", "--list-keys").decode().splitlines()
        fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
        public = gpg("--armor", "--export").decode()
        secret = gpg("--armor", "--pinentry-mode", "loopback", "--export-secret-keys")
        subprocess.run(["gpgconf", "--homedir", home.name, "--kill", "all"], check=False)
        self.google.attestor("signed-by-pgp", {"id": fingerprint, "asciiArmoredPgpPublicKey": public})
        return base64.b64encode(secret).decode()
