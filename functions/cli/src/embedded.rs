//! The embedded set-up: what `serve` runs without a configuration file.

use std::path::Path;

use postern_core::attestor::{Attestor, AttestorName};
use postern_host::config::{BodyFormat, Config, Output, OutputKind, SecretReference, Signer};
use postern_verify::Vault;
use postern_verify::signer::generate_p256;
use serde_json::json;

use crate::outcome::Failure;

/// The attestor of the embedded set-up.
pub(crate) const ATTESTOR: &str = "projects/local/attestors/embedded";

const KEY: &str = "attestor.pem";
const ATTESTORS: &str = "attestors.json";
const WRAPPING: &str = "wrapping.key";
const POLICY: &str = "policy.yaml";

/// Fills what the environment left open with files of the data directory: the database, a software
/// key with its attestor and the key that other software keys are encrypted with (both made at the
/// first start), `policy.yaml` if it is there, alerts in a file.
pub(crate) fn complete(mut config: Config, data: &Path) -> Result<Config, Failure> {
    std::fs::create_dir_all(data).map_err(|error| cannot(data, &error))?;
    config = with_store(config, data);
    let file = |name: &str| data.join(name).display().to_string();
    if config.attestors.is_none() {
        attestor(data)?;
        config.attestors = Some(file(ATTESTORS));
        if config.attestor.signers.is_empty() {
            config.attestor.signers.push(signer(&file(KEY))?);
        }
    }
    if config.trust.keys.wrapping_key.is_none() {
        let path = file(WRAPPING);
        wrapping_key(Path::new(&path))?;
        config.trust.keys.wrapping_key = Some(SecretReference(format!("file:{path}")));
    }
    if config.policy.is_none() && data.join(POLICY).exists() {
        config.policy = Some(file(POLICY));
    }
    Ok(with_output(config, data))
}

/// Alerts go to a file of the data directory, unless the environment names an output.
pub(crate) fn with_output(mut config: Config, data: &Path) -> Config {
    if config.outputs.is_empty() {
        config.outputs.push(Output {
            name: "file".to_owned(),
            kind: OutputKind::File {
                path: data.join("alerts.ndjson").display().to_string(),
                body: BodyFormat::default(),
            },
            group: None,
        });
    }
    config
}

/// Puts the database into the data directory, unless the configuration says where it is.
pub(crate) fn with_store(mut config: Config, data: &Path) -> Config {
    if config.store == Config::default().store {
        config.store = postern_store::Store::url_of(data);
    }
    config
}

/// Makes the key and the attestor, once.
fn attestor(data: &Path) -> Result<(), Failure> {
    if data.join(ATTESTORS).exists() {
        return Ok(());
    }
    let (private, public) = generate_p256().map_err(Failure::undetermined)?;
    write_secret(&data.join(KEY), private.as_bytes())?;
    let attestor = json!({
        "name": ATTESTOR,
        "description": "The software key of this data directory; for trying out",
        "userOwnedGrafeasNote": {
            "noteReference": "projects/local/notes/embedded",
            "publicKeys": [{"pkixPublicKey":
                {"publicKeyPem": public, "signatureAlgorithm": "ECDSA_P256_SHA256"}}],
        },
    });
    let attestor: Attestor = serde_json::from_value(attestor).map_err(Failure::undetermined)?;
    let text = serde_json::to_string_pretty(&attestor).map_err(Failure::undetermined)?;
    let path = data.join(ATTESTORS);
    std::fs::write(&path, text).map_err(|error| cannot(&path, &error))
}

/// Makes the key that software keys are encrypted with, once: with another one, they would be lost.
fn wrapping_key(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    let key = Vault::generate_wrapping_key().map_err(Failure::undetermined)?;
    write_secret(path, key.as_bytes())
}

/// Whoever reaches the loopback listener may sign, for any repository: there is no one else there.
fn signer(key: &str) -> Result<Signer, Failure> {
    Ok(Signer {
        attestor: ATTESTOR.parse::<AttestorName>().map_err(Failure::mistake)?,
        key: format!("file:{key}"),
        callers: vec!["local".to_owned()],
        repositories: vec!["**".to_owned()],
        requires: Vec::new(),
        to: None,
    })
}

/// Readable by its owner only, from its first byte on.
fn write_secret(path: &Path, secret: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(secret))
        .map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::undetermined(format_args!(
        "{} cannot be written: {error}",
        path.display()
    ))
    .remedy("name another data directory with --data DIR")
}
