//! Names of methods.

use postern_core::event::Stream;

/// Methods are matched from the end, at a dot or slash: long and short forms of one name occur.
/// AWS puts the date of the interface behind some names, which counts neither.
pub(super) fn is_called(stream: Stream, method: &str, suffix: &str) -> bool {
    ends_with(method, suffix) || ends_with(undated(stream, method), suffix)
}

fn ends_with(method: &str, suffix: &str) -> bool {
    method
        .strip_suffix(suffix)
        .is_some_and(|head| head.is_empty() || head.ends_with(['.', '/']))
}

/// The name after the last dot or slash.
pub(super) fn last_part(method: &str) -> &str {
    method.rsplit(['.', '/']).next().unwrap_or(method)
}

/// An AWS name without the date of the interface: `UpdateFunctionCode20150331v2` is
/// `UpdateFunctionCode`.
pub(super) fn undated(stream: Stream, name: &str) -> &str {
    const DATE: usize = 8;
    if stream != Stream::CloudTrail {
        return name;
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let dated = match name.rsplit_once('v') {
        Some((head, version)) if digits(version) => head,
        _ => name,
    };
    match dated.len().checked_sub(DATE) {
        Some(end) if end > 0 && dated.get(end..).is_some_and(digits) => &dated[..end],
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(
        "google.cloud.run.v2.Services.UpdateService",
        "Services.UpdateService",
        true
    )]
    #[case("/Services.UpdateService", "Services.UpdateService", true)]
    #[case("UpdateService", "UpdateService", true)]
    #[case("InternalServices.UpdateService", "Services.UpdateService", false)]
    #[case("x.CreateUpdateService", "UpdateService", false)]
    fn names_match_at_a_boundary(#[case] name: &str, #[case] suffix: &str, #[case] is: bool) {
        assert_eq!(is_called(Stream::Activity, name, suffix), is);
    }

    #[rstest::rstest]
    #[case("UpdateFunctionCode20150331v2", "UpdateFunctionCode")]
    #[case("CreateFunction20150331", "CreateFunction")]
    #[case("GetObject", "GetObject")]
    #[case("PutKeyV2", "PutKeyV2")]
    #[case("20150331", "20150331")]
    #[case("Put2015033", "Put2015033")]
    #[case("Save20150331v", "Save20150331v")]
    #[case("Änderung20150331", "Änderung")]
    fn the_date_of_an_interface_is_no_part_of_the_name(#[case] name: &str, #[case] bare: &str) {
        assert_eq!(undated(Stream::CloudTrail, name), bare);
        assert_eq!(undated(Stream::Activity, name), name);
    }
}
