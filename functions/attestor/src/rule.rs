//! With which key an attestor signs, for whom and what.

use std::sync::Arc;

use postern_core::attestor::{Attestor, AttestorName};
use postern_core::decision::Caller;
use postern_core::image::ImageReference;
use postern_core::policy::{Pattern, PatternError};
use postern_core::ports::{AttestationSink, Signer};
use postern_host::config;

use crate::key::KeyMistake;

/// How `callers` names whoever reaches a loopback listener without authentication.
const LOCAL: &str = "local";

/// The entry of `repositories` that stands for every registry and path.
const ANY_REPOSITORY: &str = "**";

/// Makes the signer that a key becomes in an attestor's name: the attestor states the algorithm.
pub type SignerFor =
    dyn Fn(&Attestor) -> Result<Arc<dyn Signer>, KeyMistake> + Send + Sync + 'static;

/// One key, in whose name it signs, for whom, what, and where to.
pub struct SigningRule {
    pub(crate) attestor: AttestorName,
    pub(crate) requires: Vec<AttestorName>,
    pub(crate) key: Box<SignerFor>,
    pub(crate) sink: Arc<dyn AttestationSink>,
    callers: Vec<String>,
    any_repository: bool,
    repositories: Vec<Pattern>,
}

/// What is wrong with an entry of `attestor.signers`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleMistake {
    /// Nobody may ask.
    #[error(
        "the signer of {0} has no `callers`, so nobody could ask it; name their e-mail addresses or subjects"
    )]
    NoCallers(AttestorName),
    /// Nothing may be signed.
    #[error(
        "the signer of {0} has no `repositories`, so it could sign nothing; name them by patterns"
    )]
    NoRepositories(AttestorName),
    /// A pattern that matches nothing.
    #[error("the signer of {attestor} has a repository pattern that cannot be read: {error}")]
    Pattern {
        /// Whose signer.
        attestor: AttestorName,
        /// Why.
        error: PatternError,
    },
    /// It waits for itself.
    #[error("the signer of {0} requires an attestation by {0} itself, which it could never make")]
    RequiresItself(AttestorName),
}

impl SigningRule {
    /// Makes a rule of an entry of the configuration.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn new(
        signer: &config::Signer,
        key: Box<SignerFor>,
        sink: Arc<dyn AttestationSink>,
    ) -> Result<Self, Vec<RuleMistake>> {
        let repositories = Self::check(signer)?;
        Ok(Self::of(signer, repositories, key, sink))
    }

    /// Finds every mistake of an entry, or answers its repositories.
    pub(crate) fn check(signer: &config::Signer) -> Result<Vec<Pattern>, Vec<RuleMistake>> {
        let mut mistakes = Vec::new();
        let name = || signer.attestor.clone();
        if signer.callers.is_empty() {
            mistakes.push(RuleMistake::NoCallers(name()));
        }
        if signer.repositories.is_empty() {
            mistakes.push(RuleMistake::NoRepositories(name()));
        }
        if signer.requires.contains(&signer.attestor) {
            mistakes.push(RuleMistake::RequiresItself(name()));
        }
        let mut repositories = Vec::new();
        let patterns = signer.repositories.iter();
        for pattern in patterns.filter(|pattern| *pattern != ANY_REPOSITORY) {
            match Pattern::parse(pattern) {
                Ok(pattern) => repositories.push(pattern),
                Err(error) => mistakes.push(RuleMistake::Pattern {
                    attestor: name(),
                    error,
                }),
            }
        }
        if mistakes.is_empty() {
            Ok(repositories)
        } else {
            Err(mistakes)
        }
    }

    /// Of an entry that was checked.
    pub(crate) fn of(
        signer: &config::Signer,
        repositories: Vec<Pattern>,
        key: Box<SignerFor>,
        sink: Arc<dyn AttestationSink>,
    ) -> Self {
        Self {
            attestor: signer.attestor.clone(),
            requires: signer.requires.clone(),
            key,
            sink,
            callers: signer.callers.clone(),
            any_repository: signer
                .repositories
                .iter()
                .any(|entry| entry == ANY_REPOSITORY),
            repositories,
        }
    }

    pub(crate) fn admits(&self, caller: Option<&Caller>) -> bool {
        self.callers.iter().any(|entry| is_named(entry, caller))
    }

    /// A pattern is held against the repository, or against the name by digest.
    pub(crate) fn covers(&self, image: &ImageReference) -> bool {
        let name = image.name();
        self.any_repository
            || self
                .repositories
                .iter()
                .any(|pattern| pattern.matches_name(&name) || pattern.matches(image))
    }
}

/// An e-mail address is compared with verified e-mail addresses only, so that no issuer's subject
/// can pass for one.
fn is_named(entry: &str, caller: Option<&Caller>) -> bool {
    match caller {
        None => entry == LOCAL,
        Some(caller) if is_email(entry) => caller.email.as_deref() == Some(entry),
        Some(caller) => caller.subject == entry && entry != LOCAL,
    }
}

/// Subjects such as GitHub's `repo:org@1/app@2:…` have an `@`, too, but also a colon or a slash.
fn is_email(text: &str) -> bool {
    text.matches('@').count() == 1 && !text.contains([':', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Key, Sink, image, rule_config};
    use rstest::rstest;

    fn caller(subject: &str, email: Option<&str>) -> Option<Caller> {
        Some(Caller {
            issuer: "https://issuer.example".to_owned(),
            subject: subject.to_owned(),
            email: email.map(str::to_owned),
        })
    }

    fn rule(callers: &[&str], repositories: &[&str]) -> Result<SigningRule, Vec<RuleMistake>> {
        let config = config::Signer {
            callers: callers.iter().map(ToString::to_string).collect(),
            repositories: repositories.iter().map(ToString::to_string).collect(),
            ..rule_config("built-by-ci")
        };
        SigningRule::new(&config, Key::new(1).signer_for(), Arc::new(Sink::default()))
    }

    #[rstest]
    #[case::email("ci@demo.example", caller("1", Some("ci@demo.example")), true)]
    #[case::subject("1", caller("1", None), true)]
    #[case::subject_posing_as_email("ci@demo.example", caller("ci@demo.example", None), false)]
    #[case::github(
        "repo:org@1/app@2:ref:refs/heads/main",
        caller("repo:org@1/app@2:ref:refs/heads/main", None),
        true
    )]
    #[case::other("2", caller("1", Some("ci@demo.example")), false)]
    #[case::local("local", None, true)]
    #[case::nobody("ci@demo.example", None, false)]
    #[case::posing_as_local("local", caller("local", None), false)]
    fn callers(#[case] entry: &str, #[case] caller: Option<Caller>, #[case] admitted: bool) {
        let rule = rule(&[entry], &["gcr.io/p/**"]).ok().unwrap();
        assert_eq!(rule.admits(caller.as_ref()), admitted);
    }

    #[rstest]
    #[case::exact("us-docker.pkg.dev/demo-project/repo/app", true)]
    #[case::below("us-docker.pkg.dev/demo-project/**", true)]
    #[case::any("**", true)]
    #[case::beside("us-docker.pkg.dev/demo-project/*", false)]
    #[case::other("us-docker.pkg.dev/other-project/**", false)]
    #[case::prefix("us-docker.pkg.dev/demo-project/repo/ap", false)]
    fn repositories(#[case] pattern: &str, #[case] covered: bool) {
        assert_eq!(
            rule(&["1"], &[pattern]).ok().unwrap().covers(&image()),
            covered
        );
    }

    #[test]
    fn every_mistake_is_named() {
        let config = config::Signer {
            callers: Vec::new(),
            repositories: vec!["https://gcr.io/p".to_owned()],
            requires: vec![rule_config("built-by-ci").attestor],
            ..rule_config("built-by-ci")
        };
        let made = SigningRule::new(&config, Key::new(1).signer_for(), Arc::new(Sink::default()));
        let mistakes: Vec<_> = made
            .err()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        insta::assert_snapshot!(mistakes.join("\n"), @r#"
        the signer of projects/demo-project/attestors/built-by-ci has no `callers`, so nobody could ask it; name their e-mail addresses or subjects
        the signer of projects/demo-project/attestors/built-by-ci requires an attestation by projects/demo-project/attestors/built-by-ci itself, which it could never make
        the signer of projects/demo-project/attestors/built-by-ci has a repository pattern that cannot be read: "https://gcr.io/p" has a scheme; image names have none
        "#);
        let none = rule(&["1"], &[]).err().unwrap();
        insta::assert_snapshot!(none[0], @"the signer of projects/demo-project/attestors/built-by-ci has no `repositories`, so it could sign nothing; name them by patterns");
    }
}
