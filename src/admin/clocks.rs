//! Whether this machine's clock is right, by those of issuers and of the database.
//!
//! Nobody's clock is known to be right. If most of the others disagree with this machine's, it is said to
//! be wrong; if few do, theirs is.

use super::AdminState;
use super::complaint::{Degraded, Severity};
use crate::clock::other_clock::Ahead;

/// Another clock, by what it is called in sentences and metrics.
struct Other {
    name: String,
    label: String,
    /// By how many seconds this machine's is ahead in any case.
    ahead: i64,
}

/// Writes the differences down, those that are known.
pub(super) fn measure(state: &AdminState) {
    let gauges = &state.metrics.clock_ahead;
    // Issuers that a reload took away have no clock.
    gauges.reset();
    for other in others(state) {
        gauges.with_label_values(&[&*other.label]).set(other.ahead);
    }
}

/// What is to be said of this machine's clock, or of one other.
pub(super) fn degraded(state: &AdminState) -> Option<Degraded> {
    judge(&others(state))
}

fn others(state: &AdminState) -> Vec<Other> {
    let issuers = state.issuers();
    let issuers = issuers.iter().filter(|issuer| issuer.enabled());
    let seen = issuers.filter_map(|issuer| {
        let ahead = issuer.keys().clock.ahead()?;
        let name = issuer.name();
        Some((
            format!("the issuer {name}"),
            format!("issuer:{name}"),
            ahead,
        ))
    });
    let database = state.database_clock.ahead();
    let database = database.map(|ahead| ("the database".to_owned(), "database".to_owned(), ahead));
    let other = |(name, label, ahead): (String, String, Ahead)| Other {
        name,
        label,
        ahead: ahead.surely(),
    };
    seen.chain(database).map(other).collect()
}

fn judge(others: &[Other]) -> Option<Degraded> {
    let behind: Vec<&Other> = others.iter().filter(|it| it.ahead <= -DOUBT).collect();
    let ahead: Vec<&Other> = others.iter().filter(|it| it.ahead >= DOUBT).collect();
    let (word, disagree) = match behind.len() >= ahead.len() {
        true => ("behind", behind),
        false => ("ahead", ahead),
    };
    let least = disagree.iter().map(|it| it.ahead.unsigned_abs()).min()?;
    let names: Vec<&str> = disagree.iter().map(|it| it.name.as_str()).collect();
    let names = match names.as_slice() {
        [first, .., last] if names.len() > 2 => format!("{first}, {last} and others"),
        all => all.join(" and "),
    };
    let is_ours = disagree.len() * 2 > others.len();
    let (severity, text) = match is_ours {
        true => (
            match least >= HARM {
                true => Severity::Bad,
                false => Severity::Warning,
            },
            format!(
                "this machine's clock is at least {least} s {word}, by that of {names}: tokens \
                 are accepted and refused at the wrong time"
            ),
        ),
        false => (
            Severity::Warning,
            format!(
                "this machine's clock is at least {least} s {word} by that of {names}, which most \
                 others contradict"
            ),
        ),
    };
    let page = "/dashboard/external".to_owned();
    Some(Degraded::new(severity, text, page))
}

/// The seconds from which on a difference is said.
const DOUBT: i64 = 10;
/// The seconds that issuers' tokens are usually allowed: from then on requests fail.
const HARM: u64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(ahead: &[i64]) -> Option<(Severity, String)> {
        let other = |(number, ahead): (usize, &i64)| Other {
            name: format!("the issuer {number}"),
            label: String::new(),
            ahead: *ahead,
        };
        let others: Vec<Other> = ahead.iter().enumerate().map(other).collect();
        judge(&others).map(|degraded| (degraded.severity, degraded.text))
    }

    #[test]
    fn a_clock_is_wrong_by_most_of_the_others() {
        for fine in [&[][..], &[0], &[9, -9, 3]] {
            assert_eq!(judged(fine), None, "{fine:?}");
        }
        for (ahead, severity, start) in [
            (
                &[-45][..],
                Severity::Bad,
                "this machine's clock is at least 45 s behind, by that of the issuer 0:",
            ),
            (
                &[12, 0, 15],
                Severity::Warning,
                "this machine's clock is at least 12 s ahead, by that of the issuer 0 and the issuer 2:",
            ),
            (
                &[90, 91, 92],
                Severity::Bad,
                "this machine's clock is at least 90 s ahead, by that of the issuer 0, the issuer 2 and others:",
            ),
            // Not more than half: it is the other's.
            (
                &[-300, 0],
                Severity::Warning,
                "this machine's clock is at least 300 s behind by that of the issuer 0, which",
            ),
            (
                &[-300, 300, 0],
                Severity::Warning,
                "this machine's clock is at least 300 s behind by that of the issuer 0, which",
            ),
        ] {
            let (found, text) = judged(ahead).unwrap();
            assert!(
                found == severity && text.starts_with(start),
                "{ahead:?}: {text}"
            );
        }
    }
}
