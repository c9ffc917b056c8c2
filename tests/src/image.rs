//! Images to push: small, synthetic, and different from each other by one word.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::openssl::sha256;

/// An OCI image layout on disk with one image in it.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The folder, which `skopeo` calls `oci:FOLDER`.
    pub folder: PathBuf,
    /// `sha256:…` of the image's manifest.
    pub digest: String,
}

/// Writes a layout with one image that has this word in its configuration: two images with the same
/// word have the same digest.
///
/// # Panics
/// If the folder cannot be written.
pub fn write_layout(folder: &Path, word: &str) -> Layout {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let blob = |bytes: &[u8]| {
        let hex = sha256(bytes);
        std::fs::write(blobs.join(&hex), bytes).unwrap();
        (format!("sha256:{hex}"), bytes.len())
    };
    // Two empty records end a tar archive: this is one without files.
    let (layer, layer_size) = blob(&[0; 1024]);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Labels": {"synthetic": word}},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    });
    let (config, config_size) = blob(config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": layer_size}],
    });
    let (digest, size) = blob(manifest.to_string().as_bytes());
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size}],
    });
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    std::fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    Layout {
        folder: folder.to_owned(),
        digest,
    }
}

impl Layout {
    /// Pushes the image with `skopeo`, byte for byte, and gives back its name with the digest.
    ///
    /// # Panics
    /// If the registry does not take it.
    pub fn push(&self, registry: &str, repository: &str, tag: &str) -> String {
        crate::run(
            crate::tools::command("skopeo")
                .args([
                    "copy",
                    "--quiet",
                    "--preserve-digests",
                    "--dest-tls-verify=false",
                ])
                .arg(format!("oci:{}", self.folder.display()))
                .arg(format!("docker://{registry}/{repository}:{tag}")),
        );
        format!("{registry}/{repository}@{}", self.digest)
    }
}
