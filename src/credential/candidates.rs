//! The credentials of a request by rank.

use std::iter::FusedIterator;
use std::slice;

use http::header::HeaderMap;

use super::in_cookies::{find_in_place, find_own_cookie};
use super::token_sources::{CookiePlace, Place};
use super::{Credential, CredentialError, Reading, TokenSources, find_explicit};

/// The credentials of a request as its route reads it, the one that counts first at the front. Those
/// behind it are for requests whose first one is a cookie that counts no more.
pub fn candidates<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
    reading: Reading,
) -> Candidates<'a> {
    Candidates {
        headers,
        token_sources,
        reading,
        places: token_sources.cookies.iter(),
        found: 0,
        rank: Rank::Explicit,
        after_issuers: Rank::Own,
    }
}

/// Those of them that are in issuers' cookies.
pub fn issuers_cookies<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
) -> Candidates<'a> {
    Candidates {
        rank: Rank::Issuers,
        after_issuers: Rank::Nowhere,
        ..candidates(headers, token_sources, Reading::default())
    }
}

/// The credentials of a request by rank, each looked for when it is asked for.
///
/// An explicit header field is the only one. Behind a place that cannot be read nothing is looked at.
#[derive(Debug)]
pub struct Candidates<'a> {
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
    reading: Reading,
    /// The issuers' cookies that are still to be looked for.
    places: slice::Iter<'a, Place<CookiePlace>>,
    /// How many of them were found.
    found: usize,
    rank: Rank,
    /// Where the gateway's own cookies are looked for, or nothing is.
    after_issuers: Rank,
}

/// Where the next one is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    Explicit,
    Issuers,
    Own,
    Nowhere,
}

impl<'a> Candidates<'a> {
    /// The gateway's own cookie, whatever stands before it. `None`, too, for two different ones.
    pub fn own_cookie(self) -> Option<Credential<'a>> {
        find_own_cookie(self.headers, self.token_sources).unwrap_or(None)
    }

    fn find_next(&mut self) -> Result<Option<Credential<'a>>, CredentialError> {
        let (headers, sources) = (self.headers, self.token_sources);
        if self.rank == Rank::Explicit {
            self.rank = Rank::Issuers;
            if let Some(explicit) = find_explicit(headers, sources, self.reading)? {
                self.rank = Rank::Nowhere;
                return Ok(Some(explicit.with_session_cookie(headers, sources)));
            }
        }
        if self.rank == Rank::Issuers {
            if let Some(external) = self.next_of_issuers()? {
                return Ok(Some(external.with_session_cookie(headers, sources)));
            }
            self.rank = self.after_issuers;
        }
        if self.rank == Rank::Own {
            self.rank = Rank::Nowhere;
            return find_own_cookie(headers, sources);
        }
        Ok(None)
    }

    fn next_of_issuers(&mut self) -> Result<Option<Credential<'a>>, CredentialError> {
        while self.found < MOST {
            let Some(place) = self.places.next() else {
                break;
            };
            let found = find_in_place(place, self.headers, self.token_sources, self.reading)?;
            if found.is_some() {
                self.found += 1;
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Candidates<'a> {
    type Item = Result<Credential<'a>, CredentialError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.find_next().transpose();
        if let Some(Err(_)) = found {
            self.rank = Rank::Nowhere;
        }
        found
    }
}

impl FusedIterator for Candidates<'_> {}

/// How many issuers' cookies of one request are looked at: each costs a look into memory or the store.
const MOST: usize = 4;
