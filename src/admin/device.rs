//! What a `User-Agent` says of a device, in a few words.
//!
//! It is what the client says of itself: a help for people who look at sessions, never a ground for
//! a decision.

use std::sync::LazyLock;

use woothee::parser::Parser;

/// Such as `Firefox on Linux`; a program that is no browser is named as it names itself.
pub fn device(user_agent: &str) -> Option<String> {
    static PARSER: LazyLock<Parser> = LazyLock::new(Parser::new);
    if let Some(found) = PARSER.parse(user_agent)
        && !found.os.is_empty()
        && found.os != UNKNOWN
        && ["pc", "smartphone", "mobilephone", "appliance"].contains(&found.category)
    {
        let system = match found.os {
            "Mac OSX" => "macOS",
            // Newer ones call themselves so, too.
            "Windows 10" => "Windows",
            other => other,
        };
        return Some(format!("{} on {system}", found.name));
    }
    let product = user_agent.split([' ', '/', '(']).next()?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let is_name = !product.is_empty() && product.len() <= LONGEST && product.chars().all(is_plain);
    is_name.then(|| product.to_owned())
}

const UNKNOWN: &str = "UNKNOWN";
/// Bytes of a program's name.
const LONGEST: usize = 40;

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_browser_is_named_with_its_system() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (user_agent, expected) in [
            (
                format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/142.0.0.0 Safari/537.36"
                ),
                "Chrome on Windows",
            ),
            (
                format!(
                    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
                ),
                "Edge on macOS",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".to_owned(),
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"
                    .to_owned(),
                "Safari on iPhone",
            ),
            (
                format!(
                    "Mozilla/5.0 (Linux; Android 10; K) {webkit} Chrome/142.0.0.0 Mobile Safari/537.36"
                ),
                "Chrome on Android",
            ),
            ("curl/8.14.1".to_owned(), "curl"),
            ("python-requests/2.32.5".to_owned(), "python-requests"),
            ("okhttp/4.12.0".to_owned(), "okhttp"),
        ] {
            assert_eq!(
                device(&user_agent).as_deref(),
                Some(expected),
                "{user_agent}"
            );
        }
    }

    #[test]
    fn what_says_nothing_is_not_guessed() {
        for user_agent in ["", "<script>", "((((", &"a".repeat(41)] {
            assert_eq!(device(user_agent), None, "{user_agent}");
        }
    }
}
