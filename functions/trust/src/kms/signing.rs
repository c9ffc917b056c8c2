//! What keys are for: `…/publicKey` and `…:asymmetricSign`.

use postern_core::bytes::Base64;
use postern_core::checksum::{crc32c, is_of};
use postern_core::ports::{KeyUse, SealedKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::algorithm::{Algorithm, Hash};
use super::kept::{PROTECTION, Version};
use super::versions::of_vault;
use super::{precondition, told};
use crate::body::typed;
use crate::call::Call;
use crate::error::ApiError;
use crate::trust::Trust;

/// The longest data that is signed without having been hashed before, in bytes (`AsymmetricSignRequest.data`).
const MOST_DATA: usize = 64 * 1024;

/// What is to be signed. Checksums are int64, which are strings in JSON, and numbers are read as well.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Asked {
    digest: Option<Map<String, Value>>,
    digest_crc32c: Option<Value>,
    data: Option<Base64>,
    data_crc32c: Option<Value>,
}

impl Trust {
    pub(super) async fn public_key(&self, call: &Call, name: &str) -> Result<Value, ApiError> {
        let format = call.parameter("publicKeyFormat");
        if !matches!(format, None | Some("PEM" | "PUBLIC_KEY_FORMAT_UNSPECIFIED")) {
            return Err(ApiError::invalid("publicKeyFormat must be PEM"));
        }
        let (_, version) = self.enabled_version(name).await?;
        let pem = sealed(name, &version)?.public_key_pem.as_str();
        let sum = crc32c(pem.as_bytes()).to_string();
        let mut answer = json!({
            "name": name,
            "pem": pem,
            "pemCrc32c": sum,
            "algorithm": version.algorithm,
            "protectionLevel": PROTECTION,
        });
        // Who names a format gets the key in that field, too.
        if format == Some("PEM") {
            answer["publicKeyFormat"] = "PEM".into();
            let data = Base64::encode(pem.as_bytes());
            answer["publicKey"] = json!({"data": data, "crc32cChecksum": sum});
        }
        Ok(answer)
    }

    /// Signs. The signature is not answered before it is in the record who asked for it.
    pub(super) async fn asymmetric_sign(&self, call: &Call, name: &str) -> Result<Value, ApiError> {
        let vault = self.keys()?;
        let asked: Asked = typed(call.body()?)?;
        let (_, version) = self.enabled_version(name).await?;
        let of_data = asked.data.is_some();
        let summed = asked.digest_crc32c.is_some() || asked.data_crc32c.is_some();
        let digest = digest(asked, version.algorithm)?;
        let use_of = KeyUse {
            name,
            algorithm: version.algorithm.signature(),
        };
        let key = sealed(name, &version)?;
        let signature = vault.sign(use_of, key, &digest).await.map_err(of_vault)?;

        let told = told(
            call,
            "AsymmetricSign",
            name,
            "cloudkms.cryptoKeyVersions.useToSign",
            json!({
                "name": name,
                "digest": {version.algorithm.hash().field(): Base64::encode(&digest)},
            }),
        );
        self.write(Vec::new(), told).await?;
        let mut answer = json!({
            "name": name,
            "signature": Base64::encode(&signature),
            "signatureCrc32c": crc32c(&signature).to_string(),
            "protectionLevel": PROTECTION,
        });
        if summed {
            let verified = match of_data {
                true => "verifiedDataCrc32c",
                false => "verifiedDigestCrc32c",
            };
            answer[verified] = true.into();
        }
        Ok(answer)
    }
}

fn sealed<'a>(name: &str, version: &'a Version) -> Result<&'a SealedKey, ApiError> {
    let key = version.key.as_ref();
    key.ok_or_else(|| precondition(format!("{name} has no key material")))
}

/// What is signed, as it arrived.
fn digest(asked: Asked, algorithm: Algorithm) -> Result<Vec<u8>, ApiError> {
    let hash = algorithm.hash();
    match (asked.digest, asked.data) {
        (Some(digest), None) if asked.data_crc32c.is_none() => {
            let digest = of_hash(&digest, hash, algorithm)?;
            arrived("digest", asked.digest_crc32c.as_ref(), &digest)?;
            Ok(digest)
        }
        (None, Some(data)) if asked.digest_crc32c.is_none() => {
            if data.0.len() > MOST_DATA {
                return Err(ApiError::invalid(format!(
                    "data must have at most {MOST_DATA} bytes: send its digest"
                )));
            }
            arrived("data", asked.data_crc32c.as_ref(), &data.0)?;
            Ok(hash.of(&data.0))
        }
        _ => Err(ApiError::invalid(
            "exactly one of digest and data must be set, and no checksum but its own",
        )),
    }
}

fn of_hash(
    digest: &Map<String, Value>,
    hash: Hash,
    algorithm: Algorithm,
) -> Result<Vec<u8>, ApiError> {
    let bytes = digest.get(hash.field()).and_then(Value::as_str);
    let bytes = bytes.and_then(|text| Base64::decode(text).ok());
    let bytes = bytes.filter(|bytes| bytes.len() == hash.length() && digest.len() == 1);
    bytes.ok_or_else(|| {
        ApiError::invalid(format!(
            "{} signs digests of {} bytes, in digest.{}",
            algorithm.name(),
            hash.length(),
            hash.field()
        ))
    })
}

/// Whether what arrived is what was sent. The words are Cloud KMS's, by which `gcloud` knows the error.
fn arrived(field: &str, sum: Option<&Value>, bytes: &[u8]) -> Result<(), ApiError> {
    let matches = match sum {
        None => true,
        Some(Value::String(sum)) => is_of(sum, bytes),
        Some(sum) => is_of(&sum.to_string(), bytes),
    };
    match matches {
        true => Ok(()),
        false => Err(ApiError::invalid(format!(
            "The checksum in field {field}_crc32c did not match the data in field {field}."
        ))),
    }
}
