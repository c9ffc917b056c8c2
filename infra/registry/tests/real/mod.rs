//! Real registries and real images for the tests: each registry is a process of its own on a free
//! port with a directory of its own, each image is pushed by `skopeo`.

mod tools;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use postern_core::image::{Digest, ImageReference};
use postern_registry::{HostOptions, Registry, RegistryOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Which registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Debian's `docker-registry` 2.8: no referrers API.
    Debian,
    /// `distribution/v3` from Go modules: still no referrers API.
    V3,
    /// `referrers-registry` beside these tests: it has the referrers API.
    Referrers,
}

impl Kind {
    /// The name of its program.
    const fn tool(self) -> &'static str {
        match self {
            Self::Debian => "docker-registry",
            Self::V3 => "registry",
            Self::Referrers => "referrers-registry",
        }
    }

    fn command(self, program: &Path, directory: &Path) -> Command {
        if self == Self::Referrers {
            return Command::new(program);
        }
        let config = directory.join("config.yml");
        let storage = directory.join("storage");
        let content = json!({
            "version": 0.1,
            "storage": {"filesystem": {"rootdirectory": storage}},
            "http": {"addr": "127.0.0.1:0", "secret": "synthetic"},
        });
        std::fs::write(&config, content.to_string()).unwrap();
        let mut command = Command::new(program);
        command.arg("serve").arg(config);
        command
    }
}

/// A running registry; it ends with the value.
pub(crate) struct Server {
    pub(crate) host: String,
    process: Child,
    directory: TempDir,
    skopeo: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts one and waits until it says where it listens. `None` if a tool is missing: the test
    /// is noted as skipped, and has nothing to do.
    pub(crate) fn start(kind: Kind) -> Option<Self> {
        let [program, skopeo] = tools::find_all([kind.tool(), "skopeo"])?;
        let directory = tempfile::tempdir().unwrap();
        let mut process = kind
            .command(&program, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let host = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("{kind:?} ended: {said}"));
            let line = line.unwrap();
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split(['"', ' ']).next().unwrap().to_owned();
            }
            said.push_str(&line);
        };
        // Whoever logs into a full pipe stops.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            host,
            process,
            directory,
            skopeo,
        })
    }

    /// A client with nothing kept.
    pub(crate) fn client(&self) -> Arc<Registry> {
        let host = HostOptions {
            plain_http: true,
            allow_private: true,
            ..HostOptions::new(&self.host)
        };
        let options = RegistryOptions {
            hosts: vec![host],
            ..RegistryOptions::default()
        };
        Arc::new(Registry::new(options).unwrap())
    }

    pub(crate) fn image(&self, rest: &str) -> ImageReference {
        ImageReference::parse(&format!("{}/{rest}", self.host)).unwrap()
    }

    /// Pushes a synthetic image, and says its digest.
    pub(crate) fn push(&self, rest: &str, layout: impl FnOnce(&mut Layout) -> Digest) -> Digest {
        let path = self.directory.path().join(rest.replace(['/', ':'], "-"));
        let mut made = Layout::new(path);
        let digest = layout(&mut made);
        made.finish(digest);
        let source = format!("oci:{}", made.directory.display());
        let target = format!("docker://{}/{rest}", self.host);
        self.skopeo(&[
            "copy",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
            &source,
            &target,
        ]);
        digest
    }

    /// What `skopeo` reads under this name.
    pub(crate) fn inspect(&self, rest: &str) -> Value {
        let target = format!("docker://{}/{rest}", self.host);
        let raw = self.skopeo(&["inspect", "--raw", "--tls-verify=false", &target]);
        serde_json::from_slice(&raw).unwrap()
    }

    fn skopeo(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(&self.skopeo)
            .arg("--insecure-policy")
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "skopeo {arguments:?}: {said}");
        output.stdout
    }
}

/// An OCI layout that is being written. Its images are synthetic.
pub(crate) struct Layout {
    directory: PathBuf,
    manifests: Vec<Value>,
}

impl Layout {
    fn new(directory: PathBuf) -> Self {
        std::fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        let marker = r#"{"imageLayoutVersion":"1.0.0"}"#;
        std::fs::write(directory.join("oci-layout"), marker).unwrap();
        Self {
            directory,
            manifests: Vec::new(),
        }
    }

    fn blob(&self, media_type: &str, content: &[u8]) -> Value {
        let digest = Digest::of(content);
        let path = self.directory.join("blobs/sha256").join(digest.hex());
        std::fs::write(path, content).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": content.len()})
    }

    fn manifest(&mut self, media_type: &str, content: &Value) -> Digest {
        let descriptor = self.blob(media_type, content.to_string().as_bytes());
        let digest = serde_json::from_value(descriptor["digest"].clone()).unwrap();
        self.manifests.push(descriptor);
        digest
    }

    /// An image for this architecture.
    pub(crate) fn image(&mut self, architecture: &str) -> Digest {
        // The smallest tar file is two empty blocks.
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar", &[0; 1024]);
        let config = json!({
            "architecture": architecture, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        });
        let config = self.blob(
            "application/vnd.oci.image.config.v1+json",
            config.to_string().as_bytes(),
        );
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer],
        });
        self.manifest(media_type, &manifest)
    }

    /// An index of the images so far.
    pub(crate) fn index(&mut self) -> Digest {
        let media_type = "application/vnd.oci.image.index.v1+json";
        let architectures = ["amd64", "arm64"];
        let mut manifests = self.manifests.clone();
        for (manifest, architecture) in manifests.iter_mut().zip(architectures) {
            manifest["platform"] = json!({"os": "linux", "architecture": architecture});
        }
        let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
        self.manifest(media_type, &index)
    }

    fn finish(&self, digest: Digest) {
        let wanted = json!(digest);
        let listed: Vec<_> = self
            .manifests
            .iter()
            .filter(|m| m["digest"] == wanted)
            .collect();
        let index = json!({"schemaVersion": 2, "manifests": listed});
        std::fs::write(self.directory.join("index.json"), index.to_string()).unwrap();
    }
}
