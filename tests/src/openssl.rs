//! Keys and signatures made by the `openssl` command: not our code, so a second opinion.

use std::path::{Path, PathBuf};

use crate::run;
use crate::tools::command;

/// A key pair on disk.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// PKCS#8 PEM.
    pub private: PathBuf,
    /// SubjectPublicKeyInfo PEM.
    pub public: PathBuf,
}

/// Makes an ECDSA key on a curve that `openssl` knows, such as `P-256`.
pub fn ec_key(folder: &Path, curve: &str) -> KeyPair {
    key(folder, curve, "EC", &format!("ec_paramgen_curve:{curve}"))
}

/// Makes an RSA key.
pub fn rsa_key(folder: &Path, bits: u32) -> KeyPair {
    key(
        folder,
        &format!("rsa-{bits}"),
        "RSA",
        &format!("rsa_keygen_bits:{bits}"),
    )
}

/// How RSA signatures are padded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// RSASSA-PKCS1-v1_5, and for ECDSA keys nothing at all.
    None,
    /// RSASSA-PSS with a salt as long as the digest.
    Pss,
}

/// Signs a file's bytes with a hash such as `sha256`: DER for ECDSA, raw for RSA.
pub fn sign(key: &KeyPair, hash: &str, padding: Padding, message: &[u8]) -> Vec<u8> {
    let file = key.private.with_extension("message");
    std::fs::write(&file, message).unwrap();
    let mut command = command("openssl");
    command
        .args(["dgst", &format!("-{hash}"), "-sign"])
        .arg(&key.private);
    if padding == Padding::Pss {
        command.args([
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            "rsa_pss_saltlen:digest",
        ]);
    }
    run(command.arg(&file))
}

/// The SHA-256 of some bytes, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let output = run(command("openssl")
        .args(["dgst", "-sha256", "-r"])
        .arg(file.path()));
    let text = String::from_utf8(output).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

fn key(folder: &Path, name: &str, algorithm: &str, option: &str) -> KeyPair {
    let pair = KeyPair {
        private: folder.join(format!("{name}.pem")),
        public: folder.join(format!("{name}.pub.pem")),
    };
    run(command("openssl")
        .args([
            "genpkey",
            "-quiet",
            "-algorithm",
            algorithm,
            "-pkeyopt",
            option,
            "-out",
        ])
        .arg(&pair.private));
    run(command("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&pair.private)
        .arg("-out")
        .arg(&pair.public));
    pair
}
