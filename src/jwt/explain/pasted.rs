//! A token as people paste it: out of a header field, a cookie, a terminal or an email.

/// A token and what was around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pasted {
    /// The token alone.
    pub token: String,
    /// What was left out, in words for people.
    pub removed: Vec<&'static str>,
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
    // One in another, such as quotes around `Authorization: Bearer`.
    while let Some((inner, what)) = FIELD
        .strip(token)
        .or_else(|| SCHEME.strip(token))
        .or_else(|| unquoted(token))
    {
        note(what);
        token = inner.trim();
    }
    if token.contains(char::is_whitespace) {
        note("line breaks or spaces within the token");
    }
    Pasted {
        token: token.split_whitespace().collect(),
        removed,
    }
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

const FIELD: Prefix = Prefix {
    word: "authorization",
    gaps: &[":"],
    what: "the field name `Authorization`",
};
const SCHEME: Prefix = Prefix {
    word: "bearer",
    gaps: &[" ", "\t", "\n", "\r\n", "%20"],
    what: "the scheme `Bearer`",
};

#[cfg(test)]
mod tests {
    use super::pasted;

    #[test]
    fn what_is_around_a_token_is_left_out_and_said() {
        for (text, said) in [
            ("a.b.c", 0),
            ("a.b.c\n", 0),
            (" a.b.c ", 1),
            ("Bearer a.b.c", 1),
            ("bearer%20a.b.c", 1),
            ("'a.b.c'", 1),
            ("\"Authorization: Bearer a.b.c\"", 3),
            ("a.b\n  .c\n", 1),
            ("Bearer a\r\n.b.c", 2),
        ] {
            let pasted = pasted(text);
            assert_eq!(pasted.token, "a.b.c", "{text:?}");
            assert_eq!(pasted.removed.len(), said, "{:?}", pasted.removed);
        }
        assert_eq!(pasted("bearer.b.c").token, "bearer.b.c");
    }
}
