//! Times and messages as operators read them.

use crate::clock::UnixTime;
use crate::invisible::hidden_in;

/// A moment in UTC, to the second.
pub(super) fn moment(at: &UnixTime) -> String {
    if at.0 > LAST_MOMENT {
        return "never".to_owned();
    }
    at.rfc3339().replace('T', " ").replace('Z', " UTC")
}

/// How far a moment is from now, in its largest unit.
pub(super) fn ago(at: &UnixTime) -> String {
    let now = UnixTime::now();
    if at.0 > LAST_MOMENT {
        return "never".to_owned();
    }
    match (at.0.cmp(&now.0), at.0.abs_diff(now.0)) {
        (_, 0) => "now".to_owned(),
        (std::cmp::Ordering::Greater, ahead) => format!("in {}", length(ahead)),
        (_, past) => format!("{} ago", length(past)),
    }
}

/// How far ahead something is, in seconds.
pub(super) fn ahead(count: &f64) -> String {
    // What is negative saturates to 0.
    match *count as u64 {
        0 => "now".to_owned(),
        seconds => format!("in {}", length(seconds)),
    }
}

/// What the API says of a fault, as a sentence.
pub(super) fn sentence(message: &str) -> String {
    let mut text = format!("{}.", message.trim_end_matches('.'));
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A text that outsiders wrote. What would change the direction of the text around it, or hides in it, is written
/// like `\u{202e}`: otherwise a name could be shown as somebody else's.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (character, is_hidden) in hidden_in(text) {
        match is_hidden {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

/// A length of time in seconds, in its largest unit.
pub(super) fn length(seconds: u64) -> String {
    let unit = UNITS.into_iter().find(|(from, _, _)| seconds >= *from);
    let (_, size, name) = unit.unwrap_or((0, 1, "s"));
    format!("{} {name}", seconds / size)
}

/// The threshold in seconds, the length of the unit in seconds, and its name.
const UNITS: [(u64, u64, &str); 3] = [
    (2 * DAY, DAY, "d"),
    (2 * HOUR, HOUR, "h"),
    (MINUTE, MINUTE, "min"),
];
const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * MINUTE;
const MINUTE: u64 = 60;
/// 9999-12-31T23:59:59Z: the last that RFC 3339 can name.
const LAST_MOMENT: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_is_not_shown_as_another_one() {
        for (text, shown) in [
            ("evil\u{202e}gnp.exe", "evil\\u{202e}gnp.exe"),
            ("ada\u{200b}@a.test", "ada\\u{200b}@a.test"),
            ("ada\u{e0041}", "ada\\u{e0041}"),
            ("a\nb", "a\\u{a}b"),
        ] {
            assert_eq!(visible(text), shown);
        }
        for plain in [
            "ada@a.test",
            "שלום",
            "می\u{200c}خواهم",
            "👩\u{200d}👦",
            "<b>&",
        ] {
            assert_eq!(visible(plain), plain);
        }
    }

    #[test]
    fn a_moment_is_said_exactly_and_roughly() {
        assert_eq!(moment(&UnixTime(1_800_000_000)), "2027-01-15 08:00:00 UTC");
        assert_eq!(moment(&UnixTime(u64::MAX)), "never");
        let now = UnixTime::now();
        assert_eq!(
            ago(&now.minus(Duration::from_secs(3 * 86_400 + 5))),
            "3 d ago"
        );
        assert_eq!(ago(&now.minus(Duration::from_secs(90_000))), "25 h ago");
        assert_eq!(ago(&now.plus(Duration::from_secs(7230))), "in 2 h");
        assert_eq!((ahead(&-3.0), ahead(&0.4)), ("now".into(), "now".into()));
        assert_eq!(
            (ahead(&579.8), length(59)),
            ("in 9 min".into(), "59 s".into())
        );
    }
}
