//! Is the store there, and are its tables those of this version?

use postern_store::{Store, StoreError};

use super::Patient;
use super::line::Line;

const CHECK: &str = "store";

/// The store, if it can be read. It is neither made nor migrated.
pub(super) async fn examine(patient: &Patient) -> (Option<Store>, Vec<Line>) {
    let opened = Store::open_read_only(&patient.config.store).await;
    let line = judge(opened.as_ref().err());
    (opened.ok(), vec![line])
}

fn judge(error: Option<&StoreError>) -> Line {
    match error {
        None => Line::ok(
            CHECK,
            "",
            "it can be read, and its tables are those of this version",
        ),
        Some(error @ StoreError::Missing(_)) => Line::fail(
            CHECK,
            "",
            error,
            "postern store migrate makes it, and so does postern serve; or name another one",
        ),
        Some(error @ StoreError::Schema(_)) => Line::fail(
            CHECK,
            "",
            error,
            "postern store migrate, with this version, by the owner of the tables",
        ),
        Some(error @ (StoreError::Url(_) | StoreError::Server(_) | StoreError::Plaintext(_))) => {
            Line::fail(CHECK, "", error, "correct `store` in the configuration")
        }
        Some(error @ (StoreError::Damaged(_) | StoreError::Forbidden(_))) => Line::fail(
            CHECK,
            "",
            error,
            "postern store restore from a backup, or grant its user what postern store migrate --grant does",
        ),
        Some(error) => Line::cannot_tell(CHECK, "", error, "look whether the database is up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::general::line::{shown, worst};
    use crate::outcome::Exit;

    #[test]
    fn a_store_that_is_not_there_is_told_from_one_that_is_down() {
        let missing = StoreError::Missing("data/postern.db".into());
        insta::assert_snapshot!(shown(&[judge(Some(&missing))]), @"
        FAIL     store: data/postern.db does not exist
                 fix: postern store migrate makes it, and so does postern serve; or name another one
        ");
        assert_eq!(
            worst(&[judge(Some(&StoreError::NoConnection))]),
            Exit::Undetermined
        );
        assert_eq!(worst(&[judge(None)]), Exit::Done);
    }
}
