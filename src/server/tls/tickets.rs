//! Tickets by which clients resume TLS sessions (RFC 5077, RFC 8446 section 4.6.1).
//!
//! A ticket is sealed with a key that is derived for it alone, so that no key is ever used twice with
//! one nonce, whatever the number of tickets and gateways.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

use crate::clock::UnixTime;

/// The keys in force; replaced as a whole.
#[derive(Default)]
pub(super) struct TicketKeys(ArcSwap<Vec<TicketKey>>);

/// A key. It seals for one period, and opens for another one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TicketKey {
    pub(super) name: [u8; NAME],
    pub(super) secret: Zeroizing<Vec<u8>>,
    pub(super) from: UnixTime,
    /// After which it opens nothing.
    pub(super) until: UnixTime,
}

/// The tickets of one listener, which no other one opens.
pub(super) struct Tickets {
    pub(super) listener: String,
    pub(super) keys: Arc<TicketKeys>,
    /// How long a ticket opens at least.
    pub(super) lifetime: Duration,
}

impl TicketKeys {
    /// Their names, in the order in which they are kept.
    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<[u8; NAME]> {
        self.0.load().iter().map(|key| key.name).collect()
    }

    /// The key of this name.
    pub(super) fn named(&self, name: &[u8]) -> Option<TicketKey> {
        let keys = self.0.load();
        keys.iter().find(|key| key.name == name).cloned()
    }

    /// Whether these are the keys in use, in this order.
    pub(super) fn are(&self, keys: &[TicketKey]) -> bool {
        self.0.load().as_slice() == keys
    }

    /// Replaces all keys.
    pub(super) fn replace(&self, keys: Vec<TicketKey>) {
        self.0.store(Arc::new(keys));
    }
}

impl Tickets {
    fn seal(&self, plain: &[u8], now: UnixTime) -> Option<Vec<u8>> {
        let keys = self.keys.0.load();
        let valid = keys.iter().filter(|key| key.from <= now && now < key.until);
        let key = valid.max_by_key(|key| key.from)?;
        // In one call: each costs as much as the sealing itself.
        let mut random = [0; SALT + NONCE_LEN];
        rand::fill(&mut random).ok()?;
        let (salt, nonce) = random.split_first_chunk::<SALT>()?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = plain.to_vec();
        self.derived(key, salt)?
            .seal_in_place_append_tag(nonce, Aad::from(key.name), &mut sealed)
            .ok()?;
        Some([&key.name[..], &random, &sealed].concat())
    }

    fn open(&self, ticket: &[u8], now: UnixTime) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (salt, rest) = rest.split_at_checked(SALT)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let keys = self.keys.0.load();
        let mut valid = keys.iter().filter(|key| now < key.until);
        let key = valid.find(|key| key.name == name)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = sealed.to_vec();
        let opened = self.derived(key, salt)?;
        let length = opened
            .open_in_place(nonce, Aad::from(key.name), &mut plain)
            .ok()?
            .len();
        plain.truncate(length);
        Some(plain)
    }

    fn derived(&self, key: &TicketKey, salt: &[u8]) -> Option<LessSafeKey> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &key.secret);
        // The salt has one length, so that no two inputs are the same bytes.
        let derived = hmac::sign(&secret, &[salt, self.listener.as_bytes()].concat());
        let derived = UnboundKey::new(&AES_256_GCM, derived.as_ref()).ok()?;
        Some(LessSafeKey::new(derived))
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.lifetime.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, UnixTime::now())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket, UnixTime::now())
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tickets").field(&self.listener).finish()
    }
}

/// Bytes of a key's name.
pub(super) const NAME: usize = 16;
const SALT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8, from: u64) -> TicketKey {
        TicketKey {
            name: [byte; NAME],
            secret: Zeroizing::new(vec![byte; 32]),
            from: UnixTime(from),
            until: UnixTime(from + 20),
        }
    }

    fn tickets(listener: &str, keys: &[TicketKey]) -> Tickets {
        let held = TicketKeys::default();
        held.replace(keys.to_vec());
        Tickets {
            listener: listener.to_owned(),
            keys: Arc::new(held),
            lifetime: Duration::from_secs(10),
        }
    }

    #[test]
    fn a_ticket_opens_where_its_key_is_known_and_until_that_retires() {
        let here = tickets("public", &[key(1, 0), key(2, 10), key(3, 20)]);
        let there = tickets("public", &[key(2, 10), key(1, 0)]);
        let ticket = here.seal(b"session", UnixTime(12)).unwrap();
        assert_eq!(ticket[..NAME], [2; NAME], "the newest key that is in force");
        let open = |at| there.open(&ticket, UnixTime(at));
        assert_eq!(open(29).as_deref(), Some(&b"session"[..]));
        assert_eq!(open(30), None);
        assert_eq!(
            tickets("public", &[key(1, 0)]).open(&ticket, UnixTime(12)),
            None
        );
    }

    #[test]
    fn no_other_listener_opens_it_and_no_changed_one_opens() {
        let keys = [key(1, 0)];
        let here = tickets("public", &keys);
        let ticket = here.seal(b"session", UnixTime(0)).unwrap();
        assert!(here.open(&ticket, UnixTime(0)).is_some());
        assert_eq!(tickets("other", &keys).open(&ticket, UnixTime(0)), None);
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(here.open(&changed, UnixTime(0)), None, "{at}");
            assert_eq!(here.open(&ticket[..at], UnixTime(0)), None, "{at}");
        }
    }

    #[test]
    fn without_a_key_in_force_no_ticket_is_issued() {
        let here = tickets("public", &[key(1, 10)]);
        assert_eq!(here.seal(b"session", UnixTime(9)), None);
        assert!(here.seal(b"session", UnixTime(10)).is_some());
        assert_eq!(here.seal(b"session", UnixTime(30)), None);
    }
}
