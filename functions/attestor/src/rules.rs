//! Every rule of a configuration.

use std::fmt;
use std::sync::Arc;

use postern_core::ports::AttestationSink;
use postern_host::config::Signer;

use crate::key::KeyMistake;
use crate::rule::{SignerFor, SigningRule};

/// Where attestations are stored unless the configuration says otherwise.
const DEFAULT_SINK: &str = "store";

/// Everything that is wrong with `attestor.signers`, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesMistake(Vec<String>);

impl fmt::Display for RulesMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for RulesMistake {}

/// Makes the rules of `attestor.signers`; `key` and `sink` make of a configuration's words what they
/// stand for.
///
/// # Errors
/// With every mistake of every entry.
pub async fn rules<E: fmt::Display>(
    signers: &[Signer],
    key: impl AsyncFn(&str) -> Result<Box<SignerFor>, KeyMistake>,
    sink: impl AsyncFn(&str) -> Result<Arc<dyn AttestationSink>, E>,
) -> Result<Vec<SigningRule>, RulesMistake> {
    let mut rules = Vec::new();
    let mut mistakes = Vec::new();
    for (index, signer) in signers.iter().enumerate() {
        let mut mistake = |what: &dyn fmt::Display| {
            mistakes.push(format!("attestor.signers[{index}]: {what}"));
        };
        let checked = SigningRule::check(signer);
        if let Err(wrong) = &checked {
            wrong.iter().for_each(|wrong| mistake(wrong));
        }
        let key = key(&signer.key).await.map_err(|wrong| mistake(&wrong)).ok();
        let to = signer.to.as_deref().unwrap_or(DEFAULT_SINK);
        let sink = sink(to).await.map_err(|wrong| mistake(&wrong)).ok();
        if let (Ok(repositories), Some(key), Some(sink)) = (checked, key, sink) {
            rules.push(SigningRule::of(signer, repositories, key, sink));
        }
    }
    if mistakes.is_empty() {
        Ok(rules)
    } else {
        Err(RulesMistake(mistakes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Key, Sink, rule_config};

    async fn key(word: &str) -> Result<Box<SignerFor>, KeyMistake> {
        match word {
            "env:KEY" => Ok(Key::new(1).signer_for()),
            _ => Err(KeyMistake::NotAReference),
        }
    }

    async fn sink(word: &str) -> Result<Arc<dyn AttestationSink>, String> {
        match word {
            "store" => Ok(Arc::new(Sink::default())),
            _ => Err(format!("attestations cannot be stored in {word}")),
        }
    }

    #[tokio::test]
    async fn every_mistake_of_every_entry_is_told() {
        let good = rule_config("built-by-ci");
        let bad = Signer {
            key: "secret".to_owned(),
            to: Some("nowhere".to_owned()),
            callers: Vec::new(),
            ..rule_config("scanned")
        };
        let wrong = rules(&[good.clone(), bad], key, sink).await.err().unwrap();
        insta::assert_snapshot!(wrong, @"
        attestor.signers[1]: the signer of projects/demo-project/attestors/scanned has no `callers`, so nobody could ask it; name their e-mail addresses or subjects
        attestor.signers[1]: a key is written file:PATH, env:NAME, awskms:///KEY or gcpkms://KEY, never as itself
        attestor.signers[1]: attestations cannot be stored in nowhere
        ");
        assert_eq!(rules(&[good], key, sink).await.ok().unwrap().len(), 1);
    }
}
