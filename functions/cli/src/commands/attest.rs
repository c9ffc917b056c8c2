//! `postern attest`: sign and store an attestation.

mod running;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use postern_attestor::{IssueError, issue_until};
use postern_core::attestor::{Attestor, AttestorName};
use postern_core::image::ImageReference;
use postern_core::policy::parse_attestors;
use postern_core::ports::{AttestationSink, Stored};
use postern_host::config::Config;
use postern_host::environment::{Environment, Process};

use self::running::{Running, RunningArgs};
use crate::configuration::Environment as Secrets;
use crate::outcome::{Exit, Failure, Outcome};
use crate::{data, output, registries, signers, time};

/// Sign the payload of an image in an attestor's name, and store the attestation.
///
/// The signature is verified against the attestor's public key before it is stored. A second time
/// is success: what is there already is named again.
///
/// With --running or --project everything that runs there today is attested, for as long as --until says, so
/// that it goes on running while an attestation becomes required of what is deployed next. What runs and has no
/// digest is told, and makes it exit 1.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The image by digest: HOST/PATH@sha256:…. A tag is refused, because it can move after it was
    /// signed.
    #[arg(value_name = "IMAGE", required_unless_present_any = ["running", "project"])]
    image: Option<String>,
    /// In whose name: projects/PROJECT/attestors/ID, or just ID where the attestors have only one
    /// of that id.
    #[arg(long, value_name = "NAME")]
    attestor: String,
    /// The private key: file:PATH or env:NAME (PEM or an armored OpenPGP secret key, or base64 of
    /// either; the passphrase in POSTERN_KEY_PASSPHRASE), awskms:///ARN, awskms:///alias/NAME,
    /// gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V.
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Attestors, one or more in a file, as `gcloud container binauthz attestors describe` writes
    /// them, or projects/ID: those of the project at Binary Authorization. May be given several times.
    /// Default: those of the configuration.
    #[arg(long, value_name = "ATTESTORS")]
    attestors: Vec<String>,
    /// Where to: store:DIR, `registry` (next to the image), or containeranalysis:projects/ID. Default: the data directory.
    #[arg(long, value_name = "SINK")]
    to: Option<String>,
    /// The attestation counts until then: a day (2026-04-01), a time (RFC 3339), or how long from now
    /// (90d). It is signed as well. Binary Authorization itself does not know of it: where that decides,
    /// take the attestor out of the policy in time.
    #[arg(long, value_name = "TIME", value_parser = time::to_come)]
    until: Option<Timestamp>,
    #[command(flatten)]
    running: RunningArgs,
    #[command(flatten)]
    registries: registries::RegistryArgs,
    #[command(flatten)]
    data: data::DataArgs,
}

const EXAMPLES: &str = "\
Examples:
  openssl ecparam -name prime256v1 -genkey -noout -out key.pem
  postern attest us-docker.pkg.dev/p/repo/app@sha256:… --attestor built-by-ci \\
      --attestors attestors.json --key file:key.pem --to registry
  postern attest us-docker.pkg.dev/p/repo/app@sha256:… --attestor built-by-ci \\
      --attestors attestors.json --key awskms:///alias/built-by-ci
  postern attest us-docker.pkg.dev/p/repo/app@sha256:… --attestor built-by-ci --attestors projects/p \\
      --key gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1 \\
      --to containeranalysis:projects/p
  postern attest --project p --location europe-west1 --until 90d --attestor grandfathered \\
      --attestors attestors.json --key file:key.pem";

pub(crate) async fn run(args: Args) -> Outcome {
    let (config, secrets) = args.registries.config().await?;
    let Running {
        images,
        passed_over,
    } = match args.running.is_meant() {
        true => args.running.read(&config).await?,
        false => Running::default(),
    };
    let images: Vec<String> = images.into_iter().chain(args.image.clone()).collect();
    for stored in attest(&args, &images, &config, &secrets, &Process).await? {
        let (Stored::Created(occurrence) | Stored::AlreadyThere(occurrence)) = stored;
        output::print(occurrence.name.unwrap_or(occurrence.resource_uri))?;
    }
    if passed_over.is_empty() {
        return Ok(Exit::Done);
    }
    for what in &passed_over {
        output::note(format_args!("not attested: {what}"));
    }
    let message = format!(
        "{} of what was asked for is not attested",
        passed_over.len()
    );
    Err(Failure::not_so(message).remedy("deploy it by digest, or take it out of what is asked for"))
}

/// Attests images, one after the other: what was stored before something failed stays, and a second time
/// does no harm.
async fn attest(
    args: &Args,
    images: &[String],
    config: &Config,
    secrets: &Secrets,
    environment: &dyn Environment,
) -> Result<Vec<Stored>, Failure> {
    let digests = images.iter().map(|image| by_digest(image));
    let digests = digests.collect::<Result<Vec<_>, _>>()?;
    let signer_for = signers::signer_for(&args.key, config, environment).await?;
    let attestor = attestor(args, config, secrets).await?;
    let signer = signer_for(&attestor)?;
    let sink = sink(args, images, config, secrets).await?;
    let mut all = Vec::new();
    for image in &digests {
        let (signer, sink, now) = (signer.as_ref(), sink.as_ref(), data::now());
        let stored = issue_until(signer, &attestor, image, sink, now, args.until).await?;
        let name = &attestor.name;
        output::note(match &stored {
            Stored::Created(_) => format!("{image} is attested by {name}"),
            Stored::AlreadyThere(_) => format!("{image} was attested by {name} already"),
        });
        all.push(stored);
    }
    Ok(all)
}

fn by_digest(text: &str) -> Result<ImageReference, Failure> {
    const BY_DIGEST: &str = "name the image by digest: HOST/PATH@sha256:…";
    if text.starts_with("oci:") {
        let message = "an OCI layout has no name that an attestation could be about";
        return Err(Failure::mistake(message).remedy(BY_DIGEST));
    }
    let image = ImageReference::parse_artifact_url(text)
        .map_err(|error| Failure::mistake(error).remedy(BY_DIGEST))?;
    if image.digest().is_none() {
        let message = format!("{image} is not named by digest, and a tag can move");
        return Err(Failure::mistake(message).remedy(BY_DIGEST));
    }
    Ok(image)
}

async fn attestor(args: &Args, config: &Config, secrets: &Secrets) -> Result<Attestor, Failure> {
    let mut files = args.attestors.clone();
    if files.is_empty() {
        files.extend(config.attestors.clone());
    }
    if files.is_empty() {
        return Err(
            Failure::mistake("no attestors are named, so the key cannot be compared")
                .remedy("name the attestor's file with --attestors FILE"),
        );
    }
    let trust = postern_wiring::trust(None, &files, config, secrets, None)?;
    let name = full_name(&args.attestor, &files, config, secrets).await?;
    let found = trust.attestor(&name).await.map_err(Failure::undetermined)?;
    found.ok_or_else(|| {
        Failure::mistake(format_args!("{} has no attestor {name}", files.join(", ")))
            .remedy("compare --attestor with the names in the file")
    })
}

/// A bare id means the one attestor of that id in the files and projects.
async fn full_name(
    written: &str,
    files: &[String],
    config: &Config,
    secrets: &Secrets,
) -> Result<AttestorName, Failure> {
    if written.contains('/') {
        return written.parse().map_err(Failure::mistake);
    }
    let mut names = Vec::new();
    for file in files {
        let attestors = match postern_wiring::is_resource(file) {
            true => {
                let project = postern_wiring::project_of(file)?;
                let authority = postern_wiring::policy_authority(config, secrets)?;
                let listed = authority.attestors(project).await;
                listed.map_err(Failure::undetermined)?
            }
            false => in_file(file)?,
        };
        names.extend(attestors.into_iter().map(|attestor| attestor.name));
    }
    names.retain(|name| name.id == written);
    names.dedup();
    match names.as_slice() {
        [name] => Ok(name.clone()),
        [] => Err(Failure::mistake(format_args!(
            "{} has no attestor {written}",
            files.join(", ")
        ))
        .remedy("compare --attestor with the names in the file")),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("{written:?} may mean {}", names.join(" or "));
            Err(Failure::mistake(message).remedy("write the whole name"))
        }
    }
}

fn in_file(file: &str) -> Result<Vec<Attestor>, Failure> {
    let text = std::fs::read_to_string(Path::new(file))
        .map_err(|error| Failure::mistake(format_args!("{file}: {error}")))?;
    parse_attestors(&text).map_err(|error| Failure::mistake(format_args!("{file}: {error}")))
}

async fn sink(
    args: &Args,
    images: &[String],
    config: &Config,
    secrets: &Secrets,
) -> Result<Arc<dyn AttestationSink>, Failure> {
    match args.to.as_deref() {
        None | Some("store") => Ok(Arc::new(data::open_store(&args.data.data).await?)),
        Some(word) => {
            let registry = registries::client(config, images, secrets).await?;
            Ok(postern_wiring::sink(word, None, &registry, config, secrets).await?)
        }
    }
}

impl From<IssueError> for Failure {
    /// What was out of reach is undetermined; a key or an attestor that does not fit is a mistake.
    fn from(error: IssueError) -> Self {
        let remedy = error.remedy();
        let failure = match error {
            IssueError::Signer(_) | IssueError::Sink(_) => Self::undetermined(error),
            _ => Self::mistake(error),
        };
        failure.remedy(remedy)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser as _;
    use postern_core::ports::AttestationSource as _;
    use postern_store::Store;
    use postern_verify::signer::generate_p256;
    use rstest::rstest;

    use super::*;

    const IMAGE: &str = "us-docker.pkg.dev/demo-project/repo/app@sha256:\
                         2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    /// Attests the one image.
    async fn one(args: Args, environment: &dyn Environment) -> Result<Stored, Failure> {
        let (config, secrets) = args.registries.config().await?;
        let images: Vec<String> = args.image.iter().cloned().collect();
        let stored = attest(&args, &images, &config, &secrets, environment).await?;
        Ok(stored.into_iter().next().unwrap())
    }

    /// A folder with one attestor, whose key is in the environment.
    struct World {
        folder: tempfile::TempDir,
        environment: BTreeMap<String, String>,
    }

    impl World {
        fn new() -> Self {
            let (private, public) = generate_p256().unwrap();
            let (other, _) = generate_p256().unwrap();
            let attestors = serde_json::json!({"attestors": [{
                "name": "projects/demo-project/attestors/built-by-ci",
                "userOwnedGrafeasNote": {
                    "noteReference": "projects/demo-project/notes/built-by-ci",
                    "publicKeys": [{"pkixPublicKey": {
                        "publicKeyPem": public, "signatureAlgorithm": "ECDSA_P256_SHA256",
                    }}],
                },
            }]});
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("attestors.json"), attestors.to_string()).unwrap();
            let environment = BTreeMap::from([
                ("KEY".to_owned(), private.to_string()),
                ("OTHER".to_owned(), other.to_string()),
            ]);
            Self {
                folder,
                environment,
            }
        }

        fn path(&self, name: &str) -> String {
            self.folder.path().join(name).display().to_string()
        }

        async fn attest(
            &self,
            image: &str,
            attestor: &str,
            rest: &[&str],
        ) -> Result<Stored, Failure> {
            let (file, data) = (self.path("attestors.json"), self.path("data"));
            let mut words = vec!["attest", image, "--attestor", attestor];
            words.extend(["--attestors", file.as_str(), "--data", data.as_str()]);
            words.extend(rest);
            one(Line::try_parse_from(words).unwrap().args, &self.environment).await
        }

        /// What is told, without the paths and key ids that differ in every run.
        async fn told(&self, image: &str, attestor: &str, rest: &[&str]) -> String {
            let failure = self.attest(image, attestor, rest).await.unwrap_err();
            assert_eq!(failure.exit, Exit::Mistake);
            let told = format!(
                "{}\ntry: {}",
                failure.message,
                failure.remedy.unwrap_or_default()
            );
            told.replace(&self.folder.path().display().to_string(), "DIR")
        }
    }

    #[tokio::test]
    async fn an_attestation_is_stored_once_and_both_times_is_success() {
        let world = World::new();
        let key = ["--key", "env:KEY"];
        let Ok(Stored::Created(created)) = world.attest(IMAGE, "built-by-ci", &key).await else {
            panic!("not created");
        };
        let name = "projects/demo-project/attestors/built-by-ci";
        let again = world.attest(IMAGE, name, &key).await.unwrap();
        assert_eq!(again, Stored::AlreadyThere(created.clone()));
        let store = Store::open_data(&world.folder.path().join("data"))
            .await
            .unwrap();
        let image = ImageReference::parse(IMAGE).unwrap();
        let found = store.occurrences(&image, &created.note_name).await.unwrap();
        assert_eq!(found, [created]);
    }

    #[tokio::test]
    async fn another_folder_is_written_where_it_is_named() {
        let world = World::new();
        let to = format!("store:{}", world.path("elsewhere"));
        world
            .attest(IMAGE, "built-by-ci", &["--key", "env:KEY", "--to", &to])
            .await
            .unwrap();
        assert!(world.folder.path().join("elsewhere").exists());
        assert!(!world.folder.path().join("data").exists());
    }

    #[tokio::test]
    async fn a_key_of_somebody_else_is_a_mistake_and_nothing_is_stored() {
        let world = World::new();
        let told = world
            .told(IMAGE, "built-by-ci", &["--key", "env:OTHER"])
            .await;
        insta::with_settings!({filters => [("ni:///sha-256;[A-Za-z0-9_-]{43}", "[key]")]}, {
            insta::assert_snapshot!(told, @"
            the key [key] does not belong to projects/demo-project/attestors/built-by-ci, whose keys are [key]
            try: sign with a key of projects/demo-project/attestors/built-by-ci, or add this key's public half to it
            ");
        });
        let store = Store::open_data(&world.folder.path().join("data"))
            .await
            .unwrap();
        let image = ImageReference::parse(IMAGE).unwrap();
        let note = "projects/demo-project/notes/built-by-ci".parse().unwrap();
        assert_eq!(store.occurrences(&image, &note).await.unwrap(), []);
    }

    #[rstest]
    #[case::tag("us-docker.pkg.dev/demo-project/repo/app:v1")]
    #[case::layout(
        "oci:layout@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    )]
    #[case::nothing("")]
    #[tokio::test]
    async fn only_a_digest_is_attested(#[case] image: &str) {
        let told = World::new()
            .told(image, "built-by-ci", &["--key", "env:KEY"])
            .await;
        assert!(
            told.ends_with("name the image by digest: HOST/PATH@sha256:…"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn mistakes_name_their_remedy() {
        let world = World::new();
        let key = ["--key", "env:KEY"];
        insta::assert_snapshot!(world.told(IMAGE, "missing", &key).await, @"
        DIR/attestors.json has no attestor missing
        try: compare --attestor with the names in the file
        ");
        insta::assert_snapshot!(world.told(IMAGE, "projects/p/attestors/missing", &key).await, @"
        DIR/attestors.json has no attestor projects/p/attestors/missing
        try: compare --attestor with the names in the file
        ");
        insta::assert_snapshot!(world.told(IMAGE, "projects/p", &key).await, @r#"
        "projects/p" is not of the form projects/PROJECT/attestors/ID
        try:
        "#);
        let to_file = ["--key", "env:KEY", "--to", "occurrences.json"];
        insta::assert_snapshot!(world.told(IMAGE, "built-by-ci", &to_file).await, @r#"
        attestations cannot be stored in "occurrences.json"; write store:DIR, registry or containeranalysis:projects/ID
        try:
        "#);
    }

    #[tokio::test]
    async fn without_attestors_it_is_a_mistake() {
        let words = [
            "attest",
            IMAGE,
            "--attestor",
            "built-by-ci",
            "--key",
            "env:KEY",
        ];
        let args = Line::try_parse_from(words).unwrap().args;
        let failure = one(args, &World::new().environment).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Mistake);
        insta::assert_snapshot!(failure.message, @"no attestors are named, so the key cannot be compared");
    }

    #[tokio::test]
    async fn a_key_service_that_is_dead_is_undetermined() {
        let outage = postern_core::ports::Unavailable::new("AWS KMS", "connection refused");
        assert_eq!(
            Failure::from(IssueError::Signer(outage)).exit,
            Exit::Undetermined
        );
    }
}
