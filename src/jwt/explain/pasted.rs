//! A token as people paste it: out of a header field, a cookie, a terminal or an email.

use std::fmt;

/// A token and what was around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// The token alone.
    pub token: String,
    /// What was left out, in words for people.
    pub removed: Vec<&'static str>,
    /// The part of a request that it was copied from, if the text says so.
    pub place: Option<Place>,
}

/// A part of a request that can contain a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header field, by its name in lower case.
    Field(String),
    /// A cookie, by its name.
    Cookie(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "the header field `{name}`"),
            Self::Cookie(name) => write!(f, "the cookie `{name}`"),
        }
    }
}

/// Takes the token out of a pasted text. Only for explaining: a request has to present its token as it
/// is.
pub fn pasted(text: &str) -> Pasted {
    let mut removed = Vec::new();
    let mut note = |what| {
        if !removed.contains(&what) {
            removed.push(what);
        }
    };
    let line = text.trim_end_matches(['\r', '\n']);
    let mut token = line.trim();
    if token != line {
        note("white space around the token");
    }
    let mut place = None;
    // One in another, such as quotes around `Authorization: Bearer`.
    loop {
        if let Some((inner, what)) = SCHEME.strip(token).or_else(|| unquoted(token)) {
            note(what);
            token = inner.trim();
        } else if let Some((inner, from)) = out_of_a_field(token).or_else(|| out_of_cookies(token))
        {
            // Within a field `Cookie`, its cookie is the place.
            place = Some(from);
            token = inner.trim();
        } else {
            break;
        }
    }
    if token.contains(char::is_whitespace) {
        note("line breaks or spaces within the token");
    }
    Pasted {
        token: token.split_whitespace().collect(),
        removed,
        place,
    }
}

/// What is in a line such as `X-Token: VALUE`.
fn out_of_a_field(text: &str) -> Option<(&str, Place)> {
    let (name, value) = text.split_once(':')?;
    is_name(name).then(|| (value, Place::Field(name.to_ascii_lowercase())))
}

/// What is in the first of some cookies that looks like a token, as in `a=1; session=VALUE`.
fn out_of_cookies(text: &str) -> Option<(&str, Place)> {
    let mut cookies = text.split(';').filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        is_name(&name.replacen('.', "", 1)).then_some((name, value))
    });
    let looks_like_one = |value: &str| value.matches('.').count() == 2;
    let (name, value) = cookies.find(|(_, value)| looks_like_one(value))?;
    Some((value, Place::Cookie(name.to_owned())))
}

/// Whether it can name a field (RFC 9110 section 5.6.2). A dot is left to cookies, and two to tokens.
fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_!#$%&'*+^`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

/// A word before a token, with what may come between.
struct Prefix {
    word: &'static str,
    gaps: &'static [&'static str],
    what: &'static str,
}

impl Prefix {
    fn strip<'a>(&self, text: &'a str) -> Option<(&'a str, &'static str)> {
        let (word, rest) = text.split_at_checked(self.word.len())?;
        let rest = self.gaps.iter().find_map(|gap| rest.strip_prefix(gap))?;
        word.eq_ignore_ascii_case(self.word)
            .then_some((rest, self.what))
    }
}

fn unquoted(text: &str) -> Option<(&str, &'static str)> {
    let quotes = ['"', '\'', '`'].into_iter();
    let mut inner = quotes.filter_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    Some((inner.next()?, "quotes around the token"))
}

const SCHEME: Prefix = Prefix {
    word: "bearer",
    gaps: &[" ", "\t", "\n", "\r\n", "%20"],
    what: "the scheme `Bearer`",
};

#[cfg(test)]
mod tests {
    use super::{Place, pasted};

    #[test]
    fn what_is_around_a_token_is_left_out_and_said() {
        for (text, said) in [
            ("a.b.c", 0),
            ("a.b.c\n", 0),
            (" a.b.c ", 1),
            ("Bearer a.b.c", 1),
            ("bearer%20a.b.c", 1),
            ("'a.b.c'", 1),
            ("\"Authorization: Bearer a.b.c\"", 2),
            ("a.b\n  .c\n", 1),
            ("Bearer a\r\n.b.c", 2),
        ] {
            let pasted = pasted(text);
            assert_eq!(pasted.token, "a.b.c", "{text:?}");
            assert_eq!(pasted.removed.len(), said, "{:?}", pasted.removed);
        }
        assert_eq!(pasted("bearer.b.c").token, "bearer.b.c");
    }
    #[test]
    fn the_place_is_what_the_text_names() {
        let field = |name: &str| Some(Place::Field(name.to_owned()));
        let cookie = |name: &str| Some(Place::Cookie(name.to_owned()));
        for (text, place) in [
            ("a.b.c", None),
            ("Bearer a.b.c", None),
            ("Authorization: Bearer a.b.c", field("authorization")),
            ("X-Token:a.b.c\n", field("x-token")),
            ("app.session=a.b.c", cookie("app.session")),
            (
                "Cookie: theme=dark; session=\"a.b.c\"; x=",
                cookie("session"),
            ),
            ("'cookie: session=Bearer%20a.b.c'", cookie("session")),
        ] {
            let pasted = pasted(text);
            assert_eq!((&*pasted.token, pasted.place), ("a.b.c", place), "{text:?}");
        }
        // What is neither stays as it is, and is refused as a whole.
        for text in ["a.b.c=", "a=1; b=2", "a.b:c", "=a.b.c"] {
            assert_eq!(pasted(text).place, None, "{text:?}");
        }
    }
}
