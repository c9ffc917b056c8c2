//! Whether a finding is about other images than a case.

use postern_core::case::Case;
use postern_core::finding::Finding;
use postern_core::image::{Digest, ImageReference};

/// Whether a finding names an image that its case does not name: by its digest where it has one, else
/// as it is written, since a tag may have moved.
pub(super) fn has_new_image(case: &Case, finding: &Finding) -> bool {
    let mut images = finding.images.iter();
    images.any(|image| !case.images().any(|known| is_same(known, image)))
}

/// Whether the images of a finding are others than those of a case. Where the case names none, there
/// is nothing to compare. What one entry of a deployment names by its tag, and another by its digest,
/// may be one image; two digests, or two tags, of one name are not.
pub(super) fn has_other_images(case: &Case, finding: &Finding) -> bool {
    if case.images().next().is_none() {
        return false;
    }
    let other = |image: &String| {
        let by_digest = digest(image).is_some();
        let mut of_name = case.images().filter(|known| have_one_name(known, image));
        let may_be_same = match by_digest {
            true => of_name.next().is_some() && of_name_by_digest(case, image).next().is_none(),
            false => of_name_by_digest(case, image).next().is_some(),
        };
        !may_be_same && !case.images().any(|known| is_same(known, image))
    };
    finding.images.iter().any(other)
}

/// What the entries of one rollout on a cluster have in common: all the images. `None` elsewhere, where
/// there are revisions, and where none is named.
pub(super) fn of_rollout(finding: &Finding) -> Option<String> {
    let on_cluster = finding.target.as_deref()?.starts_with("gke:");
    if !on_cluster || finding.revision.is_some() || finding.images.is_empty() {
        return None;
    }
    let written = |image: &String| digest(image).map_or(image.clone(), |digest| digest.to_string());
    let mut images: Vec<_> = finding.images.iter().map(written).collect();
    images.sort();
    images.dedup();
    Some(Digest::of(images.join("\n").as_bytes()).hex())
}

fn of_name_by_digest<'a>(case: &'a Case, image: &'a str) -> impl Iterator<Item = &'a str> {
    let by_digest = case.images().filter(|known| digest(known).is_some());
    by_digest.filter(|known| have_one_name(known, image))
}

fn is_same(one: &str, other: &str) -> bool {
    one == other || digest(one).is_some_and(|digest_of_one| digest(other) == Some(digest_of_one))
}

fn have_one_name(one: &str, other: &str) -> bool {
    let name = |image: &str| ImageReference::parse(image).ok().map(|image| image.name());
    name(one).is_some_and(|name_of_one| name(other) == Some(name_of_one))
}

fn digest(image: &str) -> Option<Digest> {
    ImageReference::parse(image).ok()?.digest()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::testing;
    use postern_core::case::CaseState;

    const A: &str =
        "r.example/app@sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const B: &str =
        "r.example/app@sha256:2222222222222222222222222222222222222222222222222222222222222222";
    const A_ELSEWHERE: &str = "mirror.example/app@sha256:1111111111111111111111111111111111111111111111111111111111111111";

    #[rstest]
    #[case::digest(&[A], A, false, false)]
    #[case::digest_elsewhere(&[A], A_ELSEWHERE, false, false)]
    #[case::other_digest(&[A], B, true, true)]
    #[case::tag_of_a_digest(&[A], "r.example/app:v1", true, false)]
    #[case::digest_of_a_tag(&["r.example/app:v1"], A, true, false)]
    #[case::other_digest_than_of_the_tag(&["r.example/app:v1", A], B, true, true)]
    #[case::tag(&["r.example/app:v1"], "r.example/app:v1", false, false)]
    #[case::other_tag(&["r.example/app:v1"], "r.example/app:v2", true, true)]
    #[case::other_name(&["r.example/app:v1"], "r.example/worker:v1", true, true)]
    #[case::no_reference(&["r.example/app:v1"], "no reference", true, true)]
    #[case::nothing_known(&[], "r.example/app:v1", true, false)]
    fn images_of_a_case(
        #[case] known: &[&str],
        #[case] image: &str,
        #[case] new: bool,
        #[case] other: bool,
    ) {
        let mut case = testing::case(CaseState::Open);
        let mut finding = case.findings[0].clone();
        case.findings[0].images = known.iter().map(|image| (*image).to_owned()).collect();
        finding.images = vec![image.to_owned()];
        assert_eq!(has_new_image(&case, &finding), new);
        assert_eq!(has_other_images(&case, &finding), other);
    }

    #[test]
    fn a_rollout_has_the_same_images_in_any_order_and_under_any_tag() {
        let of = |target: &str, images: &[&str]| {
            let mut finding = testing::case(CaseState::Open).findings.remove(0);
            finding.target = Some(target.to_owned());
            finding.revision = None;
            finding.images = images.iter().map(|image| (*image).to_owned()).collect();
            of_rollout(&finding)
        };
        let cluster = "gke:europe-west1-b.shop/payments@acme-shop";
        assert_eq!(
            of(cluster, &[A, "r.example/x:1"]),
            of(cluster, &["r.example/x:1", A_ELSEWHERE])
        );
        assert_ne!(of(cluster, &[A]), of(cluster, &[B]));
        assert_eq!(of(cluster, &[]), None);
        assert_eq!(of("cloud-run:acme-shop/europe-west1/checkout", &[A]), None);
    }
}
