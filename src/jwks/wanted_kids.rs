//! The keys that are to be fetched where each has an address of its own.
//!
//! What a token says of its key is not verified when it comes here, and the server of such keys may have
//! keys of others, too. So a key that came because a token named it is in force only once it has
//! verified a token, and until then it gives way to newer ones; only a key that has done so as well takes
//! the place of one in force.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::error::FetchError;
use asked::Asked;

mod asked;
#[cfg(test)]
mod tests;

/// Their `kid`s and, of those that came, the keys. Everything here is bounded: [`Self::MOST_KEYS`] keys,
/// and for each fetch the `kid`s of these and [`Asked::MOST`] more.
#[derive(Debug, Default)]
pub(super) struct WantedKids(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// Those that have verified a token, the one that did so last at the end.
    in_force: Vec<Known>,
    /// Those that have not, the newest at the end.
    unproven: Vec<Known>,
    /// What tokens name besides.
    asked: Asked,
    /// What the latest fetch asked for and the server does not have.
    absent: Vec<String>,
    /// Which keys in force it found taken back.
    taken_back: Vec<String>,
}

/// A key as it came.
#[derive(Debug)]
struct Known {
    kid: String,
    pem: String,
    /// Until when it may serve although the server does not answer for it.
    good_until: Instant,
}

/// What the server says of one `kid`; `None`: that it has no such key.
pub(super) type Answered = Result<Option<String>, FetchError>;

impl WantedKids {
    /// How many keys there can be.
    pub(super) const MOST_KEYS: usize = IN_FORCE + UNPROVEN;

    /// Has the next fetch ask for one more, as far as it can. False: it cannot be part of an address, so that
    /// nobody has its key.
    pub(super) fn ask_for(&self, kid: &str) -> bool {
        if !is_plain(kid) {
            return false;
        }
        let mut places = self.places();
        if !places.knows(kid) {
            places.asked.add(kid);
        }
        true
    }

    /// What the next fetch asks for. What the server does not have is asked for again only when another
    /// token names it.
    pub(super) fn take(&self) -> Vec<String> {
        let mut places = self.places();
        let asked = places.asked.take();
        let known = places.known().map(|known| known.kid.clone());
        let mut kids: Vec<String> = known.collect();
        // A key may have come since it was asked for.
        kids.extend(asked.into_iter().filter(|kid| !places.knows(kid)));
        kids
    }

    /// Takes up what a fetch brought, and says which keys there are, each as PEM by its `kid`. What the server
    /// confirms is good for so long.
    ///
    /// # Errors
    ///
    /// The server answered for none of them. What it does not answer for is no reason to doubt the others: a
    /// known key stays while it is good, and anything else is forgotten.
    pub(super) fn settle(
        &self,
        answers: impl Iterator<Item = (String, Answered)>,
        good_for: Duration,
    ) -> Result<Map<String, Value>, FetchError> {
        let mut places = self.places();
        places.absent.clear();
        places.taken_back.clear();
        let now = Instant::now();
        let (mut is_answered, mut failed) = (false, None);
        for (kid, answer) in answers {
            is_answered |= answer.is_ok();
            match answer {
                Ok(Some(pem)) => places.confirm(Known {
                    kid,
                    pem,
                    good_until: now + good_for,
                }),
                Ok(None) => places.remove(kid),
                Err(error) => {
                    places.note_failure(&kid, &error);
                    failed = Some(error);
                }
            }
        }
        let is_expired = places.expire(now);
        let surplus = places.unproven.len().saturating_sub(UNPROVEN);
        places.unproven.drain(..surplus);
        match failed {
            Some(error) if !is_answered && !is_expired => Err(error),
            _ => Ok(pems(places.known())),
        }
    }

    /// A key has verified a token. True: it has not done so before, and is in force from now on.
    pub(super) fn prove(&self, kid: &str) -> bool {
        let mut places = self.places();
        if let Some(proven) = take_out(&mut places.in_force, kid) {
            places.in_force.push(proven);
            return false;
        }
        let Some(proven) = take_out(&mut places.unproven, kid) else {
            return false;
        };
        if places.in_force.len() == IN_FORCE {
            places.in_force.remove(0);
        }
        places.in_force.push(proven);
        true
    }

    /// Takes up the keys in force that an earlier process has kept, for as long as they are still good.
    pub(super) fn recall(&self, body: &[u8], good_for: Duration) {
        let kept: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let good_until = Instant::now() + good_for;
        let known = kept.into_iter().filter_map(|(kid, pem)| {
            let pem = pem.as_str()?.to_owned();
            is_plain(&kid).then_some(Known {
                kid,
                pem,
                good_until,
            })
        });
        self.places().in_force = known.take(IN_FORCE).collect();
    }

    /// The keys in force, for [`Self::recall`], and the age of the one that was confirmed before all others,
    /// where a confirmation is good for so long.
    pub(super) fn kept(&self, good_for: Duration) -> (Vec<u8>, Duration) {
        let (places, now) = (self.places(), Instant::now());
        let left = |known: &Known| known.good_until.saturating_duration_since(now);
        let least = places.in_force.iter().map(left).min().unwrap_or(good_for);
        let body = Value::Object(pems(places.in_force.iter())).to_string();
        (body.into_bytes(), good_for.saturating_sub(least))
    }

    /// Whether the latest fetch asked for it and the server does not have it.
    pub(super) fn was_absent(&self, kid: &str) -> bool {
        self.places().absent.iter().any(|absent| absent == kid)
    }

    /// Whether its key was in force until the latest fetch found it taken back.
    pub(super) fn was_taken_back(&self, kid: &str) -> bool {
        self.places().taken_back.iter().any(|taken| taken == kid)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn known(&self) -> impl Iterator<Item = &Known> {
        self.in_force.iter().chain(&self.unproven)
    }

    fn knows(&self, kid: &str) -> bool {
        self.known().any(|known| known.kid == kid)
    }

    /// The server has this key; one that is not known yet is the newest.
    fn confirm(&mut self, confirmed: Known) {
        let mut known = self.in_force.iter_mut().chain(&mut self.unproven);
        match known.find(|known| known.kid == confirmed.kid) {
            Some(known) => *known = confirmed,
            None => self.unproven.push(confirmed),
        }
    }

    /// The server does not have it.
    fn remove(&mut self, kid: String) {
        match take_out(&mut self.in_force, &kid) {
            Some(known) => self.taken_back.push(known.kid),
            None => {
                take_out(&mut self.unproven, &kid);
                self.absent.push(kid);
            }
        }
    }

    /// The server has no word on it. Of what nobody has proven, nothing is said: anybody could name it.
    fn note_failure(&self, kid: &str, error: &FetchError) {
        if self.in_force.iter().any(|known| known.kid == kid) {
            tracing::warn!(kid, %error, "a key in force could not be fetched again");
        }
    }

    /// Drops what is good no longer, and says whether there was any.
    fn expire(&mut self, now: Instant) -> bool {
        let before = self.known().count();
        for known in [&mut self.in_force, &mut self.unproven] {
            known.retain(|known| known.good_until >= now);
        }
        self.known().count() < before
    }
}

fn take_out(places: &mut Vec<Known>, kid: &str) -> Option<Known> {
    let place = places.iter().position(|known| known.kid == kid)?;
    Some(places.remove(place))
}

fn pems<'a>(known: impl Iterator<Item = &'a Known>) -> Map<String, Value> {
    known
        .map(|known| (known.kid.clone(), Value::String(known.pem.clone())))
        .collect()
}

fn is_plain(kid: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST).contains(&kid.len()) && kid.bytes().all(is_plain)
}

/// A load balancer signs by one key at a time, and has few of the past.
const IN_FORCE: usize = 16;
/// All that one fetch can bring, so that none of them makes another one give way before a token was tried.
const UNPROVEN: usize = Asked::MOST;
/// A UUID has 36.
const LONGEST: usize = 64;
