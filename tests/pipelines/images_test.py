"""The images of infra/images, packed from a binary of a few bytes."""

import hashlib
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import tomllib
import unittest

from world import ROOT, TOOLS, needs

EPOCH = 1767323045
TARGET = "x86_64-unknown-linux-musl"


class Images(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "REVISION": "c0ffee"}

    def sbom(self):
        path = self.folder / "sbom.json"
        with path.open("wb") as file:
            words = [ROOT / "infra/images/sbom", "postern-gate", "main,gcp", TARGET]
            subprocess.run(words, env=self.environment, stdout=file, check=True)
        return path

    def pack(self, name, content, sbom):
        """The digest of an image and its layout."""
        source, out = self.folder / f"binary-{name}", self.folder / name
        source.write_bytes(content)
        authorities = self.folder / "authorities.pem"
        authorities.write_text("synthetic\n")
        words = [ROOT / "infra/images/pack", "postern-gate", source, sbom, out]
        environment = {**self.environment, "CA_CERTIFICATES": str(authorities)}
        said = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        return said.strip(), out

    @needs("buildah", "jq")
    def test_the_same_input_gives_the_same_image_and_other_input_another(self):
        sbom = self.folder / "sbom.json"
        sbom.write_text("{}")
        one, _ = self.pack("one", b"binary", sbom)
        # Later, and by somebody with another mask.
        before = os.umask(0o077)
        self.addCleanup(os.umask, before)
        os.utime(sbom, (1, 1))
        two, _ = self.pack("two", b"binary", sbom)
        self.assertRegex(one, "^sha256:[0-9a-f]{64}$")
        self.assertEqual(one, two)
        self.assertNotEqual(one, self.pack("three", b"another", sbom)[0])

    @needs("buildah", "jq")
    def test_an_image_holds_little_and_is_nobody(self):
        sbom = self.folder / "sbom.json"
        sbom.write_text("{}")
        digest, layout = self.pack("image", b"binary", sbom)

        def blob(digest):
            return layout / "blobs" / digest.replace(":", "/")

        manifest = json.loads(blob(digest).read_text())
        config = json.loads(blob(manifest["config"]["digest"]).read_text())
        self.assertEqual(config["created"], "2026-01-02T03:04:05Z")
        self.assertEqual(config["config"]["User"], "65532:65532")
        self.assertEqual(config["config"]["Entrypoint"], ["/opt/postern/bin/postern-gate"])
        self.assertEqual(config["config"]["Labels"]["org.opencontainers.image.revision"], "c0ffee")
        [layer] = manifest["layers"]
        with tarfile.open(blob(layer["digest"])) as tree:
            members = tree.getmembers()
        names = [member.name for member in members]
        self.assertEqual(names, sorted(names))
        self.assertEqual({(member.uid, member.gid, member.mtime) for member in members}, {(0, 0, EPOCH)})
        writable = {member.name for member in members if member.mode & 0o022}
        self.assertEqual(writable, {"tmp"})
        files = {member.name: oct(member.mode & 0o7777) for member in members if member.isfile()}
        self.assertEqual(
            files,
            {
                "etc/group": "0o644",
                "etc/passwd": "0o644",
                "etc/ssl/certs/ca-certificates.crt": "0o644",
                "opt/postern/bin/postern-gate": "0o755",
                "usr/share/sbom/postern-gate.cdx.json": "0o644",
            },
        )

    @needs("cargo", "validate-sbom")
    def test_an_sbom_names_what_is_linked_with_the_checksums_of_the_lock_file(self):
        path = self.sbom()
        subprocess.run([TOOLS / "validate-sbom", path], check=True)
        first = hashlib.sha256(path.read_bytes()).digest()
        self.assertEqual(hashlib.sha256(self.sbom().read_bytes()).digest(), first)
        sbom = json.loads(path.read_text())
        self.assertEqual(sbom["metadata"]["component"]["name"], "postern-gate")
        self.assertEqual(sbom["metadata"]["timestamp"], "2026-01-02T03:04:05Z")
        packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
        locked = {(each["name"], each["version"]): each.get("checksum") for each in packages}
        for component in sbom["components"]:
            hashes = [each["content"] for each in component.get("hashes", [])]
            expected = locked[component["name"], component["version"]]
            self.assertEqual(hashes, [expected] if expected else [])
        names = {component["name"] for component in sbom["components"]}
        self.assertLessEqual({"postern-core", "rustls", "tokio"}, names)
        # Neither what tests nor what the build needs.
        self.assertFalse({"insta", "rstest", "cc", "cmake"} & names)


if __name__ == "__main__":
    unittest.main()
