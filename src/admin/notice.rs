//! What was just done, as the page after a form says it.
//!
//! A form ends in a redirect whose query has a word of this list: nothing else of the address is
//! ever shown.

use axum::response::{IntoResponse, Redirect, Response};

/// One thing that can have been done.
#[derive(Debug)]
pub struct Notice {
    word: &'static str,
    /// A sentence about it.
    pub text: &'static str,
    /// How it is shown, as a class of the style.
    pub tone: &'static str,
}

impl Notice {
    const fn good(word: &'static str, text: &'static str) -> Self {
        Self {
            word,
            text,
            tone: "good",
        }
    }

    const fn bad(word: &'static str, text: &'static str) -> Self {
        Self {
            word,
            text,
            tone: "bad",
        }
    }

    /// What a query says was done.
    pub fn in_query(query: Option<&str>) -> Option<&'static Self> {
        let mut pairs = query?.split('&');
        let word = pairs.find_map(|pair| pair.strip_prefix("done="))?;
        ALL.iter().find(|notice| notice.word == word)
    }
}

/// The address of a page without the word of what was done.
pub fn dismissed(path: &str, query: Option<&str>) -> String {
    let others = query.unwrap_or_default().split('&');
    let others = others.filter(|pair| !pair.is_empty() && !pair.starts_with("done="));
    let others = others.collect::<Vec<_>>().join("&");
    match others.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{others}"),
    }
}

/// Leads to a page that says what was done. `path` may have a query.
pub fn done(path: &str, word: &'static str) -> Response {
    debug_assert!(ALL.iter().any(|notice| notice.word == word), "{word}");
    let joint = if path.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{path}{joint}done={word}")).into_response()
}

const ALL: [Notice; 31] = [
    Notice::good("made", "The issuer was added."),
    Notice::good("changed", "The settings were saved and are in force."),
    Notice::good("on", "The issuer is on: its tokens are accepted."),
    Notice::good("off", "The issuer is off: its tokens are refused."),
    Notice::good("fetched", "The keys were fetched."),
    Notice::bad(
        "unfetched",
        "The keys could not be fetched; see the last error.",
    ),
    Notice::good("deleted", "The issuer was deleted."),
    Notice::good("ended", "The session was ended."),
    Notice::good("selected-ended", "The selected sessions were ended."),
    Notice::bad(
        "none-selected",
        "No session was selected: tick those to end.",
    ),
    Notice::good("signed-out", "All sessions of the user were ended."),
    Notice::good(
        "blocked",
        "The user is blocked and all sessions were ended.",
    ),
    Notice::good("unblocked", "The user can sign in again."),
    Notice::good("user-deleted", "The user was deleted."),
    Notice::good("next-key", "The next key was created."),
    Notice::good("rotated", "A new key signs from now on."),
    Notice::good("key-revoked", "The key was deleted."),
    Notice::good("token-revoked", "The token is refused from now on."),
    Notice::good("reloaded", "The configuration file was applied."),
    Notice::bad(
        "not-reloaded",
        "The configuration file was not applied; see below.",
    ),
    Notice::good(
        "drained",
        "The server gets no new requests, at any gateway.",
    ),
    Notice::good("undrained", "The server gets requests again."),
    Notice::good("weighed", "The server has another weight."),
    Notice::bad(
        "not-overridden",
        "That was not done: the server is not there any more, or somebody else was faster.",
    ),
    Notice::good("list-made", "The list was created."),
    Notice::good("list-changed", "The list was changed."),
    Notice::good("list-deleted", "The list was deleted."),
    Notice::good("list-on", "The list is on: it decides who can sign in."),
    Notice::good("list-off", "The list is off: it decides nothing."),
    Notice::good("resent", "What was parked is sent again."),
    Notice::good("logged-out", "You have logged out."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_list_are_shown() {
        let text = |query| Notice::in_query(query).map(|notice| notice.text);
        assert_eq!(text(Some("done=made")), Some("The issuer was added."));
        assert_eq!(
            text(Some("all=true&done=ended")),
            Some("The session was ended.")
        );
        for query in [
            None,
            Some(""),
            Some("done="),
            Some("done=<b>"),
            Some("undone=made"),
        ] {
            assert_eq!(text(query), None, "{query:?}");
        }
    }

    #[test]
    fn what_was_read_is_dismissed_and_the_rest_of_the_page_stays() {
        let at = |query| dismissed("/dashboard/sessions", query);
        for query in [None, Some("done=ended"), Some("done=ended&done=made")] {
            assert_eq!(at(query), "/dashboard/sessions", "{query:?}");
        }
        assert_eq!(
            at(Some("all=true&done=ended&issuer=a")),
            "/dashboard/sessions?all=true&issuer=a"
        );
    }

    #[test]
    fn a_redirect_keeps_the_query_of_its_page() {
        let location = |path| {
            let response = done(path, "ended");
            response.headers()["location"].to_str().unwrap().to_owned()
        };
        assert_eq!(
            location("/dashboard/sessions"),
            "/dashboard/sessions?done=ended"
        );
        assert_eq!(
            location("/dashboard/sessions?all=true"),
            "/dashboard/sessions?all=true&done=ended"
        );
    }
}
