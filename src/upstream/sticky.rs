//! The cookie by which a client's requests return to the server that answered the first one.
//!
//! Its value is a time, a tag of the server and a signature over both, by a key that all gateways of a
//! store share. The tag is a keyed digest of the server's address: it says nothing about the address to
//! whoever lacks the key, and does not depend on the order of servers in the configuration.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

use super::sticky_settings::{SameSite, StickyCookie};
use super::{Address, Upstream};

/// What all sticky cookies of a gateway have in common.
#[derive(Clone)]
pub struct StickySigner {
    key: hmac::Key,
    /// Whether clients come by `https`.
    is_https: bool,
}

impl StickySigner {
    /// With a secret that all gateways share.
    pub fn new(secret: &[u8; 32], is_https: bool) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            is_https,
        }
    }
}

/// What stands for a server in cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTag([u8; TAG]);

/// A cookie of ours whose time is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StickySeen {
    /// The server that it names, which may be gone.
    pub server: ServerTag,
    /// It lasts long enough that no new one is set.
    pub is_fresh: bool,
}

/// The sticky cookie of one upstream.
pub struct Sticky {
    signer: StickySigner,
    upstream: Box<[u8]>,
    name: String,
    settings: StickyCookie,
}

impl Sticky {
    pub(super) fn new(upstream: &str, settings: &StickyCookie, signer: &StickySigner) -> Self {
        let name = match &settings.name {
            Some(name) => name.as_str().to_owned(),
            None => {
                let digest = digest(&SHA256, upstream.as_bytes());
                let head = digest.as_ref().first_chunk::<4>();
                let number = u32::from_be_bytes(head.copied().unwrap_or_default());
                let is_for_host = signer.is_https && settings.path == "/";
                let prefix = if is_for_host { "__Host-" } else { "" };
                format!("{prefix}vestibule-server-{number:08x}")
            }
        };
        Self {
            signer: signer.clone(),
            upstream: upstream.as_bytes().into(),
            name,
            settings: settings.clone(),
        }
    }

    /// The cookie's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is set.
    pub fn settings(&self) -> &StickyCookie {
        &self.settings
    }

    /// Whether browsers send it by `https` only.
    pub fn is_secure(&self) -> bool {
        self.signer.is_https || self.settings.same_site == SameSite::None
    }

    /// Whether both are set and read in the same way.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.is_secure() == other.is_secure()
    }

    /// What a value says at `now`, in seconds since 1970. `None`: it is forged, or its time is over.
    pub fn read(&self, value: &[u8], now: u64) -> Option<StickySeen> {
        if value.len() != LENGTH {
            return None;
        }
        let mut bytes = [0; TIME + TAG + MAC];
        BASE64.decode_slice(value, &mut bytes).ok()?;
        let (signed, mac) = bytes.split_at_checked(TIME + TAG)?;
        let (time, tag) = signed.split_at_checked(TIME)?;
        let expected = self.sign(b'c', signed);
        verify_slices_are_equal(expected.as_ref().get(..MAC)?, mac).ok()?;
        let until = u64::from(u32::from_be_bytes(time.try_into().ok()?));
        let left = until.checked_sub(now).filter(|left| *left > 0)?;
        let life = self.settings.max_age.as_secs();
        // A longer life than cookies have now was given under other settings.
        if left > life {
            return None;
        }
        Some(StickySeen {
            server: ServerTag(tag.try_into().ok()?),
            is_fresh: left > life / 2,
        })
    }

    /// A value that names a server, from `now` on.
    pub fn value(&self, server: ServerTag, now: u64) -> String {
        let until = now.saturating_add(self.settings.max_age.as_secs());
        let until = u32::try_from(until).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(TIME + TAG + MAC);
        bytes.extend(until.to_be_bytes());
        bytes.extend(server.0);
        let mac = self.sign(b'c', &bytes);
        bytes.extend(mac.as_ref().iter().take(MAC));
        BASE64.encode(bytes)
    }

    /// What stands for the server at an address.
    pub(super) fn tag(&self, address: &Address) -> ServerTag {
        let mac = self.sign(b's', address.to_string().as_bytes());
        ServerTag(mac.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// Signs for one purpose, and this upstream.
    fn sign(&self, purpose: u8, bytes: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.signer.key);
        context.update(&[purpose]);
        context.update(&(self.upstream.len() as u64).to_be_bytes());
        context.update(&self.upstream);
        context.update(bytes);
        context.sign()
    }
}

impl fmt::Debug for Sticky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sticky")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// The cookie that keeps clients at a server, if there is one.
    pub fn sticky(&self) -> Option<&Sticky> {
        self.sticky.as_ref()
    }

    /// The server of a tag, if it may get the request as any other may: it is healthy, neither ejected
    /// nor drained, and not among those that failed the request already.
    pub fn pick_again(&self, tag: ServerTag, tried: &[Address]) -> Option<Address> {
        let members = self.members.load();
        let now = self.started.elapsed();
        let (address, member) = members.iter().find(|(_, it)| it.tag == Some(tag))?;
        let may = !member.is_drained
            && !tried.contains(address)
            && !self.ejections.is_ejected(address, now)
            && self.balancer.is_healthy(address);
        may.then(|| address.clone())
    }

    /// What stands for a server that is here.
    pub fn tag_of(&self, server: &Address) -> Option<ServerTag> {
        self.members.load().get(server)?.tag
    }
}

/// In bytes: the seconds since 1970 at which it ends; the server; the signature, truncated as RFC 2104
/// section 5 allows.
const TIME: usize = 4;
const TAG: usize = 8;
const MAC: usize = 16;
/// The length of all three in base64url.
const LENGTH: usize = 38;

#[cfg(test)]
mod tests;
