//! Where alerts go.

use serde::Deserialize;

use super::SecretReference;

/// One place that alerts are sent to.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "OutputFields")]
pub struct Output {
    /// How routes call it.
    pub name: String,
    /// What it is.
    pub kind: OutputKind,
}

/// What an output is.
#[derive(Debug, Clone)]
pub enum OutputKind {
    /// HTTP POST of a CloudEvent, signed as Standard Webhooks says where a secret is given.
    Webhook {
        /// `https://…`; `http://` only to loopback.
        url: String,
        /// By reference.
        secret: Option<SecretReference>,
        /// Whether the address may be private or loopback.
        allow_private: bool,
    },
    /// One CloudEvent per line, appended.
    File {
        /// Where.
        path: String,
    },
    /// One CloudEvent per line on standard output.
    Stdout,
}

/// An output as it is written. Taken flat, so that a field of another type's is a mistake.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutputFields {
    name: String,
    r#type: String,
    url: Option<String>,
    secret: Option<SecretReference>,
    allow_private: Option<bool>,
    path: Option<String>,
}

impl TryFrom<OutputFields> for Output {
    type Error = String;

    fn try_from(fields: OutputFields) -> Result<Self, String> {
        let OutputFields {
            name,
            r#type: type_name,
            url,
            secret,
            allow_private,
            path,
        } = fields;
        let of_webhook = url.is_some() || secret.is_some() || allow_private.is_some();
        let kind = match (type_name.as_str(), url, path) {
            ("webhook", Some(url), None) => {
                let allow_private = allow_private.unwrap_or_default();
                OutputKind::Webhook {
                    url,
                    secret,
                    allow_private,
                }
            }
            ("file", None, Some(path)) if !of_webhook => OutputKind::File { path },
            ("stdout", None, None) if !of_webhook => OutputKind::Stdout,
            ("webhook", ..) => {
                return Err("`webhook` takes `url`, `secret` and `allowPrivate`".to_owned());
            }
            ("file", ..) => return Err("`file` takes `path`".to_owned()),
            ("stdout", ..) => return Err("`stdout` takes nothing else".to_owned()),
            ("pubsub" | "sns", ..) => {
                return Err(format!(
                    "outputs of type `{type_name}` are not in this version yet: use webhook, file or stdout"
                ));
            }
            _ => {
                return Err(format!(
                    "this build has no output of type `{type_name}`: it is one of webhook, file, stdout"
                ));
            }
        };
        Ok(Self { name, kind })
    }
}
