//! Is this machine's clock right? Tokens, signatures and due times depend on it.

use jiff::Timestamp;

use super::line::Line;

const CHECK: &str = "clock";
/// As far apart as two clocks may be, in seconds.
const TOLERANCE: i64 = 60;

/// The time by somebody else's clock, and by ours when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compared {
    pub(super) whose: String,
    pub(super) theirs: Timestamp,
    pub(super) ours: Timestamp,
}

/// One of them that is right is enough: it is ours that is looked at.
pub(super) fn judge(compared: &[Compared]) -> Line {
    let ahead = |one: &Compared| one.ours.as_second() - one.theirs.as_second();
    let Some(nearest) = compared.iter().min_by_key(|one| ahead(one).abs()) else {
        return Line::skipped(CHECK, "nobody was asked who would have told the time");
    };
    let (seconds, whose) = (ahead(nearest), &nearest.whose);
    let apart = match seconds {
        0 => format!("as that of {whose}"),
        1.. => format!("{seconds} s ahead of that of {whose}"),
        _ => format!("{} s behind that of {whose}", -seconds),
    };
    match seconds.abs() <= TOLERANCE {
        true => Line::ok(CHECK, "", apart),
        false => Line::fail(
            CHECK,
            "",
            apart,
            "set it by NTP: timedatectl set-ntp true, or see to it on the host of the virtual machine",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::general::line::shown;

    #[test]
    fn a_minute_is_tolerated_and_the_nearest_clock_counts() {
        let compared = |seconds: i64| Compared {
            whose: "registry eu.example.com".to_owned(),
            theirs: Timestamp::from_second(1_770_000_000).unwrap(),
            ours: Timestamp::from_second(1_770_000_000 + seconds).unwrap(),
        };
        insta::assert_snapshot!(shown(&[judge(&[compared(61)])]), @"
        FAIL     clock: 61 s ahead of that of registry eu.example.com
                 fix: set it by NTP: timedatectl set-ntp true, or see to it on the host of the virtual machine
        ");
        insta::assert_snapshot!(shown(&[judge(&[compared(900), compared(-60)])]), @"ok       clock: 60 s behind that of registry eu.example.com");
        insta::assert_snapshot!(shown(&[judge(&[])]), @"skipped  clock: nobody was asked who would have told the time");
    }
}
