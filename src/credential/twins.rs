//! Cookies of one name with different values.

use http::HeaderMap;

use super::token_sources::{Place, TokenSources};
use super::{Credential, Source, Token, cookie, form};
use crate::issuer::CookieFormat;

impl TokenSources {
    /// The different values of issuers' cookies of which a request has several by one name, as far as
    /// they can be tokens. No more than a few: two are enough to disagree.
    pub fn twins<'a>(&'a self, headers: &'a HeaderMap) -> Vec<Credential<'a>> {
        let plain = self
            .cookies
            .iter()
            .filter(|place| place.name.format != CookieFormat::SupabaseSsr);
        let mut twins = Vec::new();
        for Place { name, issuers, .. } in plain {
            let mut values: Vec<&[u8]> = Vec::new();
            for value in cookie::values(headers, name.name.as_bytes()).map(form::bare) {
                if !value.is_empty() && !values.contains(&value) && values.len() < MOST {
                    values.push(value);
                }
            }
            if values.len() < 2 {
                continue;
            }
            let source = Source::Cookie;
            let tokens = values
                .into_iter()
                .filter_map(|value| self.checked(value, source).ok());
            twins.extend(tokens.map(|token| Credential {
                token: Token(token.into()),
                source,
                issuers,
                session_cookie: None,
            }));
        }
        twins.truncate(MOST);
        twins
    }
}

/// How many are looked at.
const MOST: usize = 4;
