//! A token as people paste it: out of a header field, a cookie, a terminal or an email.

use std::borrow::Cow;
use std::fmt;

use crate::claims::unverified::UnverifiedPart;
use crate::credential::supabase;
use crate::jwt::issuer::Issuers;
use crate::jwt::names_issuer;

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
/// is. Of the tokens in several cookies, one of these issuers is meant.
pub fn pasted(text: &str, issuers: &Issuers) -> Pasted {
    taken_out(text, |iss| issuers.get(iss).is_some())
}

fn taken_out(text: &str, is_known: impl Fn(&str) -> bool) -> Pasted {
    let mut removed = Vec::new();
    let line = text.trim_end_matches(['\r', '\n']);
    let mut rest = trimmed(line);
    if rest != line {
        note(&mut removed, "white space around the token");
    }
    let mut place = None;
    // One in another, such as quotes around `Authorization: Bearer`.
    let token = loop {
        if is_token(rest) {
            // Whatever it looks like besides: padding is no `=` of a cookie.
            break Cow::Borrowed(rest);
        } else if let Some((inner, what)) = SCHEME.strip(rest) {
            // A request that has it twice is refused, and its author looks at a token that is accepted.
            let is_second = removed.contains(&what);
            note(&mut removed, if is_second { SECOND_SCHEME } else { what });
            rest = trimmed(inner);
        } else if let Some((inner, what)) = unquoted(rest) {
            note(&mut removed, what);
            rest = trimmed(inner);
        } else if let Some((token, from)) = out_of_a_session(rest) {
            note(
                &mut removed,
                "the session of `@supabase/ssr` around the token",
            );
            place = from.or(place);
            break Cow::Owned(token);
        } else if let Some((inner, from)) =
            out_of_a_field(rest).or_else(|| out_of_cookies(rest, &is_known))
        {
            // Within a field `Cookie`, its cookie is the place.
            place = Some(from);
            rest = trimmed(inner);
        } else {
            break Cow::Borrowed(rest);
        }
    };
    if token.contains(char::is_whitespace) {
        note(&mut removed, "line breaks or spaces within the token");
    }
    Pasted {
        token: token.split_whitespace().collect(),
        removed,
        place,
    }
}

fn note(removed: &mut Vec<&'static str>, what: &'static str) {
    if !removed.contains(&what) {
        removed.push(what);
    }
}

/// Without the space around it, and without what documents have there that cannot be seen.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|it: char| it.is_whitespace() || "\u{feff}\u{200b}\u{2060}".contains(it))
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

/// What is in the one of some cookies that is most likely a token, as in `a=1; session=VALUE`; of equal ones
/// the first.
fn out_of_cookies<'a>(text: &'a str, is_known: &impl Fn(&str) -> bool) -> Option<(&'a str, Place)> {
    let cookies = text.split(';').filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        let is_cookie = is_name(&name.replacen('.', "", 1));
        let likeness = Likeness::of(value, is_known).filter(|_| is_cookie)?;
        Some((likeness, name, value))
    });
    let (_, name, value) = cookies.min_by_key(|(likeness, ..)| *likeness)?;
    Some((value, Place::Cookie(name.to_owned())))
}

/// How much a cookie's value is like a token, most first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// It names an issuer that is known.
    OfKnownIssuer,
    /// Its header names an algorithm.
    Token,
    /// It is encrypted (RFC 7516), which is worth saying.
    Encrypted,
    /// It has three parts, as what some frameworks sign has, too.
    ThreeParts,
}

impl Likeness {
    fn of(value: &str, is_known: &impl Fn(&str) -> bool) -> Option<Self> {
        let parts = value.split('.').count();
        let header = || UnverifiedPart::header(value.as_bytes());
        match parts {
            3 if value.split('.').any(str::is_empty) => None,
            3 if names_issuer(value, is_known) => Some(Self::OfKnownIssuer),
            3 if header().text("alg").is_some() => Some(Self::Token),
            3 => Some(Self::ThreeParts),
            5 if header().text("enc").is_some() => Some(Self::Encrypted),
            _ => None,
        }
    }
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
    // What comes after it in a line of JSON, or of a program.
    let text = text.trim_end_matches([',', ';']);
    let between =
        |(opening, closing): &(char, char)| text.strip_prefix(*opening)?.strip_suffix(*closing);
    let inner = QUOTES.iter().find_map(between)?;
    Some((inner, "quotes around the token"))
}

const QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')];
/// Said of a second [`SCHEME`].
const SECOND_SCHEME: &str = "a second `Bearer`, with which a request is refused";
const SCHEME: Prefix = Prefix {
    word: "bearer",
    gaps: &[" ", "\t", "\n", "\r\n", "%20", "+"],
    what: "the scheme `Bearer`",
};

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{Pasted, Place};

    fn pasted(text: &str) -> Pasted {
        super::taken_out(text, |iss| iss == "https://a.test")
    }

    /// A token with this header and this `iss`.
    fn token(header: &str, iss: &str) -> String {
        let claims = format!(r#"{{"iss":"{iss}"}}"#);
        let parts = [header, &claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{}.c2ln", parts.join("."))
    }

    #[test]
    fn of_several_cookies_the_most_likely_one_is_the_token() {
        let signed = r#"{"alg":"ES256"}"#;
        let known = &*token(signed, "https://a.test");
        let other = &*token(signed, "https://b.test");
        let framework = &*token(r#"{"user":7}"#, "");
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
        let encrypted = &*format!("{header}..aXY.Y3Q.dGFn");
        for (cookies, wanted) in [
            ([framework, other, known], known),
            ([known, other, framework], known),
            (["1.2.3", encrypted, other], other),
            (["1.2.3", framework, encrypted], encrypted),
            (["1.2", "1.2.3", "4.5.6"], "1.2.3"),
        ] {
            let [one, two, three] = cookies;
            let pasted = pasted(&format!("Cookie: x={one}; y={two}; z={three}"));
            assert_eq!(pasted.token, wanted);
        }
    }

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
            ("Bearer bearer a.b.c", 2),
            ("\"a.b.c\",", 1),
            ("“a.b.c”", 1),
            ("\u{feff}a.b.c\u{200b}", 1),
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
