//! All that cookies hold: every different value of each, where a browser has several by one name.
//!
//! A request is decided by the one value of a cookie (`in_cookies`), and by none where there are several.
//! Whoever asks whether they are of one user looks at a few of them. What ends logins looks at all, also at the
//! forms of a cookie that do not count next to another one: they would, once that is gone.

use http::HeaderMap;

use super::token_sources::{CookiePlace, Place, SDK_COOKIE, TokenSources};
use super::{Credential, Source, Token, cookie, form, in_cookies, supabase};
use crate::issuer::CookieFormat;

/// The different values of one cookie, as far as they can be tokens.
#[derive(Debug, Default)]
pub struct Values<'a> {
    /// They, each once; no more than a few.
    pub credentials: Vec<Credential<'a>>,
    /// Whether there are more than these.
    pub has_more: bool,
    /// Whether two values differ, so that none of them decides.
    pub are_twins: bool,
}

impl TokenSources {
    /// The values of the cookies of which a request has several by one name, a cookie each: issuers' and the
    /// gateway's own.
    pub fn twins<'a>(&'a self, headers: &'a HeaderMap) -> Vec<Values<'a>> {
        let (issuers, own) = (
            self.of_issuers(headers, Extent::WhatCounts),
            self.of_own(headers, Extent::WhatCounts),
        );
        issuers
            .chain(own)
            .filter(|values| values.are_twins)
            .collect()
    }

    /// Whether there are several of an issuer's cookie.
    pub fn has_issuers_twins(&self, headers: &HeaderMap) -> bool {
        let mut values = self.of_issuers(headers, Extent::WhatCounts);
        values.any(|values| values.are_twins)
    }

    /// The values of all cookies that could stand for somebody, now or once others are gone: issuers' before the
    /// gateway's own. As many issuers' cookies as the request has, whatever decides about a request.
    pub fn every_cookie<'a>(&'a self, headers: &'a HeaderMap) -> Vec<Values<'a>> {
        let of_issuers = self.of_issuers(headers, Extent::Everything);
        let of_own = self.of_own(headers, Extent::Everything);
        of_issuers.chain(of_own).collect()
    }

    /// Those of the gateway's own cookies.
    pub fn own_values<'a>(&'a self, headers: &'a HeaderMap) -> Vec<Values<'a>> {
        self.of_own(headers, Extent::Everything).collect()
    }

    /// Of the cookies that a request has.
    fn of_issuers<'a>(
        &'a self,
        headers: &'a HeaderMap,
        extent: Extent,
    ) -> impl Iterator<Item = Values<'a>> {
        let places = self.cookies.iter();
        let values = places.map(move |place| {
            let name = &*place.name.name;
            match (place.name.format, extent) {
                (CookieFormat::Token, _) => {
                    let values = cookie::values(headers, name.as_bytes()).map(form::bare);
                    self.values(values, extent, |token| of_issuer(place, token))
                }
                (CookieFormat::Clerk, Extent::WhatCounts) => {
                    let values = in_cookies::of_clerk(headers, name, &place.iss);
                    self.values(values, extent, |token| of_issuer(place, token))
                }
                (CookieFormat::Clerk, Extent::Everything) => {
                    let values = in_cookies::every_one_of_clerk(headers, name, &place.iss);
                    self.values(values, extent, |token| of_issuer(place, token))
                }
                (CookieFormat::SupabaseSsr, _) => self.of_supabase(place, headers, extent),
            }
        });
        values
            .filter(|values| values.are_twins || !values.credentials.is_empty())
            .map(move |values| values.with_session_cookie(headers, self))
    }

    fn of_own<'a>(
        &'a self,
        headers: &'a HeaderMap,
        extent: Extent,
    ) -> impl Iterator<Item = Values<'a>> {
        let session = (self.session_cookie, Source::SessionCookie);
        let sdk = self.sdk_cookie.map(|name| (name, Source::SdkCookie));
        let places = [session].into_iter().chain(sdk);
        let values = places.map(move |(name, source)| {
            let values = cookie::values(headers, name.as_bytes()).map(form::unquoted);
            self.values(values, extent, |token| Credential {
                token,
                source,
                issuers: &[],
                session_cookie: None,
            })
        });
        values.filter(|values| values.are_twins || !values.credentials.is_empty())
    }

    fn values<'a>(
        &self,
        values: impl IntoIterator<Item = &'a [u8]>,
        extent: Extent,
        credential: impl Fn(Token<'a>) -> Credential<'a>,
    ) -> Values<'a> {
        let mut found = Values::default();
        let mut first = None;
        for value in values.into_iter().filter(|value| !value.is_empty()) {
            found.are_twins |= *first.get_or_insert(value) != value;
            if let Ok(token) = self.checked(value, Source::Cookie) {
                found.add(credential(Token(token.into())), extent);
            }
        }
        found
    }

    /// Of a session in chunks, each chunk may be there in several values.
    fn of_supabase<'a>(
        &self,
        place: &'a Place<CookiePlace>,
        headers: &'a HeaderMap,
        extent: Extent,
    ) -> Values<'a> {
        let mut found = Values::default();
        let values_of = |part: &str| {
            let mut values: Vec<&str> = Vec::new();
            let named = cookie::values(headers, part.as_bytes()).map(form::unquoted);
            for value in named.filter_map(|value| std::str::from_utf8(value).ok()) {
                if value.is_empty() || values.contains(&value) {
                    continue;
                }
                if values.len() == extent.most() {
                    found.has_more = true;
                    break;
                }
                values.push(value);
            }
            found.are_twins |= values.len() > 1;
            values
        };
        let in_chunks_too = extent == Extent::Everything;
        let (tokens, are_all) = supabase::access_tokens(&place.name.name, in_chunks_too, values_of);
        found.has_more |= !are_all;
        for token in tokens {
            if self.checked(token.as_bytes(), Source::Cookie).is_ok() {
                found.add(of_issuer(place, Token(token.into())), extent);
            }
        }
        found
    }

    /// Those of the cookies that the gateway sets of which a request has several values.
    pub(super) fn own_twins(&self, headers: &HeaderMap) -> impl Iterator<Item = OwnCookie> {
        let sdk = self.sets_sdk_cookie.then_some(OwnCookie::Sdk);
        let own = [OwnCookie::Session].into_iter().chain(sdk);
        own.filter(move |own| {
            let name = self.own_name(*own).as_bytes();
            in_cookies::single_cookie(headers, name, form::unquoted).is_err()
        })
    }

    pub(super) fn own_name(&self, own: OwnCookie) -> &'static str {
        match own {
            OwnCookie::Session => self.session_cookie,
            OwnCookie::Sdk => SDK_COOKIE,
        }
    }
}

/// A cookie that the gateway sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnCookie {
    /// The session cookie.
    Session,
    /// The SDK's.
    Sdk,
}

impl<'a> Values<'a> {
    fn add(&mut self, credential: Credential<'a>, extent: Extent) {
        let mut known = self.credentials.iter();
        if known.any(|known| known.token == credential.token) {
            return;
        }
        if self.credentials.len() == extent.most() {
            self.has_more = true;
        } else {
            self.credentials.push(credential);
        }
    }

    fn with_session_cookie(self, headers: &'a HeaderMap, sources: &'a TokenSources) -> Self {
        let credentials = self.credentials.into_iter();
        let next_to_it =
            |credential: Credential<'a>| credential.with_session_cookie(headers, sources);
        Self {
            credentials: credentials.map(next_to_it).collect(),
            ..self
        }
    }
}

fn of_issuer<'a>(place: &'a Place<CookiePlace>, token: Token<'a>) -> Credential<'a> {
    Credential {
        token,
        source: Source::Cookie,
        issuers: &place.issuers,
        session_cookie: None,
    }
}

/// What is looked at of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// A few values of the form that counts.
    WhatCounts,
    /// All forms, and as many values as browsers have. Whoever sends more is no browser, and is refused.
    Everything,
}

impl Extent {
    /// How many values of one cookie.
    fn most(self) -> usize {
        match self {
            Self::WhatCounts => 4,
            Self::Everything => 32,
        }
    }
}
