//! A token as people paste it: out of a header field, a cookie, a terminal or an email.

use std::borrow::Cow;
use std::fmt;

use crate::credential::supabase;

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
    let mut rest = line.trim();
    if rest != line {
        note("white space around the token");
    }
    let mut place = None;
    // One in another, such as quotes around `Authorization: Bearer`.
    let token = loop {
        if is_token(rest) {
            // Whatever it looks like besides: padding is no `=` of a cookie.
            break Cow::Borrowed(rest);
        } else if let Some((inner, what)) = SCHEME.strip(rest).or_else(|| unquoted(rest)) {
            note(what);
            rest = inner.trim();
        } else if let Some((token, from)) = out_of_a_session(rest) {
            note("the session of `@supabase/ssr` around the token");
            place = from.or(place);
            break Cow::Owned(token);
        } else if let Some((inner, from)) = out_of_a_field(rest).or_else(|| out_of_cookies(rest)) {
            // Within a field `Cookie`, its cookie is the place.
            place = Some(from);
            rest = inner.trim();
        } else {
            break Cow::Borrowed(rest);
        }
    };
    if token.contains(char::is_whitespace) {
        note("line breaks or spaces within the token");
    }
    Pasted {
        token: token.split_whitespace().collect(),
        removed,
        place,
    }
}

/// Whether it is a token already: three parts in base64url, perhaps padded.
fn is_token(text: &str) -> bool {
    let is_part = |part: &str| {
        let letters = part.trim_end_matches('=');
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        !letters.is_empty() && letters.bytes().all(is_letter)
    };
    text.split('.').count() == 3 && text.split('.').all(is_part)
}

/// The access token in a session of `@supabase/ssr`: the value of its cookie, or that cookie or its chunks
/// among others.
fn out_of_a_session(text: &str) -> Option<(String, Option<Place>)> {
    if let Some(token) = session(NO_NAME, |name| (name == NO_NAME).then_some(text)) {
        return Some((token, None));
    }
    let cookies = || {
        text.split(';')
            .filter_map(|pair| pair.trim().split_once('='))
    };
    let value_of = |wanted: &str| {
        let found = cookies().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value)
    };
    let mut names = cookies().map(|(name, _)| name.strip_suffix(".0").unwrap_or(name));
    names.find_map(|name| {
        let token = session(name, value_of)?;
        Some((token, Some(Place::Cookie(name.to_owned()))))
    })
}

fn session<'a>(name: &str, value_of: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    supabase::access_token(name, value_of).ok().flatten()
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
    let looks_like_one = |value: &str| {
        value.matches('.').count() == 2 && value.split('.').all(|part| !part.is_empty())
    };
    let (name, value) = cookies.find(|(_, value)| looks_like_one(value))?;
    Some((value, Place::Cookie(name.to_owned())))
}

/// Whether it can name a field (RFC 9110 section 5.6.2). A dot is left to cookies, and two to tokens.
fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_!#$%&'*+^`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

/// What stands for the cookie's name where the text is its value.
const NO_NAME: &str = "";

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
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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
    fn padding_is_a_part_of_the_token() {
        for text in ["ab==.b.c", "a.bc=.c", "a.b.c=", "ab=.cd=.ef="] {
            for around in ["", "Bearer ", "x-amzn-oidc-data: "] {
                assert_eq!(pasted(&format!("{around}{text}")).token, text);
            }
            let cookie = pasted(&format!("x=1; session={text}"));
            let session = Place::Cookie("session".to_owned());
            assert_eq!((&*cookie.token, cookie.place), (text, Some(session)));
        }
    }

    #[test]
    fn the_session_of_supabase_is_read_as_its_cookie_is() {
        let json = r#"{"access_token":"a.b.c","user":{"n":"x=1; y=d.e.f"}}"#;
        let encoded = format!("base64-{}", URL_SAFE_NO_PAD.encode(json));
        let (one, two) = encoded.split_at(20);
        let name = "sb-x-auth-token";
        for (text, is_named) in [
            (json.to_owned(), false),
            (encoded.clone(), false),
            (format!("{name}={encoded}"), true),
            (format!("Cookie: a=1; {name}={encoded}; b=2"), true),
            (format!("{name}.0={one}; {name}.1={two}"), true),
        ] {
            let pasted = pasted(&text);
            assert_eq!(pasted.token, "a.b.c", "{text}");
            let place = is_named.then(|| Place::Cookie(name.to_owned()));
            assert_eq!(pasted.place, place, "{text}");
        }
        // Half of it is no session.
        assert_eq!(pasted(&format!("{name}.0={one}")).place, None);
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
        for text in ["a.b.c=", "a=1; b=2", "a.b:c", "=a.b.c", "a=.."] {
            assert_eq!(pasted(text).place, None, "{text:?}");
        }
    }
}
