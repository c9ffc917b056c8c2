//! `postern payload`: the bytes to sign.

use postern_core::image::ImageReference;
use postern_core::payload::signature_payload;

use crate::outcome::{Exit, Failure, Outcome};
use crate::output;

/// Print the payload that attests an image, byte for byte what `gcloud container binauthz
/// create-signature-payload` prints.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The image by digest: HOST/PATH@sha256:…; https:// may stand in front, and a tag before the
    /// digest is left out. A tag alone is refused, because a tag can move after it was signed.
    #[arg(value_name = "IMAGE")]
    image: String,
}

const EXAMPLES: &str = "\
Examples:
  postern payload us-docker.pkg.dev/p/repo/app@sha256:… > payload.json
  openssl dgst -sha256 -sign key.pem -out payload.sig payload.json";

pub(crate) async fn run(args: Args) -> Outcome {
    output::print_bytes(&payload(&args.image)?)?;
    Ok(Exit::Done)
}

fn payload(image: &str) -> Result<Vec<u8>, Failure> {
    const BY_DIGEST: &str = "name the image by digest: HOST/PATH@sha256:…";
    if image.starts_with("oci:") {
        let message = "an OCI layout has no name that an attestation could be about";
        return Err(Failure::mistake(message).remedy(BY_DIGEST));
    }
    let image = ImageReference::parse_artifact_url(image)
        .map_err(|error| Failure::mistake(error).remedy(BY_DIGEST))?;
    let digest = image.digest().ok_or_else(|| {
        Failure::mistake(format_args!(
            "{image} is not named by digest, and a tag can move"
        ))
        .remedy(BY_DIGEST)
    })?;
    Ok(signature_payload(&image, &digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const DIGEST: &str = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    #[rstest]
    #[case::plain("us-docker.pkg.dev/demo-project/repo/app@")]
    #[case::with_a_scheme("https://us-docker.pkg.dev/demo-project/repo/app@")]
    #[case::with_a_tag("us-docker.pkg.dev/demo-project/repo/app:v1@")]
    fn every_spelling_gives_the_same_bytes(#[case] image: &str) {
        let payload = String::from_utf8(payload(&format!("{image}{DIGEST}")).unwrap()).unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(payload, @r#"
            {
              "critical": {
                "identity": {
                  "docker-reference": "us-docker.pkg.dev/demo-project/repo/app"
                },
                "image": {
                  "docker-manifest-digest": "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
                },
                "type": "Google cloud binauthz container signature"
              }
            }
            "#);
        }
    }

    #[rstest]
    #[case::tag("us-docker.pkg.dev/demo-project/repo/app:v1")]
    #[case::neither("us-docker.pkg.dev/demo-project/repo/app")]
    #[case::layout(
        "oci:layout@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    )]
    #[case::short_digest("us-docker.pkg.dev/demo-project/repo/app@sha256:2d71")]
    #[case::upper_case("us-docker.pkg.dev/demo-project/REPO/app@sha256:2d71")]
    fn what_is_no_digest_is_a_mistake(#[case] image: &str) {
        let failure = payload(image).unwrap_err();
        assert_eq!(failure.exit, Exit::Mistake);
        assert!(failure.remedy.unwrap().contains("by digest"));
    }
}
