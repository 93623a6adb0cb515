//! Where the requests of a route end: at servers, or at the gateway.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use super::settings::{FixedAnswer, Redirect};
use crate::upstream::Upstream;

/// Where requests end that may pass.
#[derive(Debug)]
pub enum Destination {
    /// At the servers of one of these upstreams.
    Upstreams(Split),
    /// At the gateway, which sends clients elsewhere.
    Redirect(Redirect),
    /// At the gateway, which always answers the same.
    Answer(FixedAnswer),
}

impl Destination {
    /// Whether servers answer, and not the gateway.
    pub fn is_at_servers(&self) -> bool {
        matches!(self, Self::Upstreams(_))
    }

    /// The upstreams; none where the gateway answers.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        let shares = match self {
            Self::Upstreams(split) => split.shares.as_slice(),
            Self::Redirect(_) | Self::Answer(_) => &[],
        };
        shares.iter().map(|(_, upstream)| upstream)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstreams(split) => split.fmt(f),
            Self::Redirect(redirect) => write!(f, "redirect to {}", redirect.to.as_str()),
            Self::Answer(answer) => write!(f, "answer {}", answer.status.code().as_u16()),
        }
    }
}

/// Upstreams that share users by weight. A user stays with one, at every gateway and on every route
/// with the same shares, because the choice depends on nothing but the key and the weights.
#[derive(Debug)]
pub struct Split {
    shares: Vec<(u64, Arc<Upstream>)>,
    total: u64,
}

impl Split {
    /// All users go to this one.
    pub fn whole(upstream: Arc<Upstream>) -> Self {
        Self::new(vec![(1, upstream)])
    }

    /// Each upstream with its weight.
    pub fn new(shares: Vec<(u64, Arc<Upstream>)>) -> Self {
        let total = shares.iter().map(|(weight, _)| weight).sum();
        Self { shares, total }
    }

    /// The upstream for whoever has this key. `None`: there are none.
    pub fn choose(&self, key: impl FnOnce() -> Vec<u8>) -> Option<&Arc<Upstream>> {
        if let [(_, only)] = self.shares.as_slice() {
            return Some(only);
        }
        let digest = digest(&SHA256, &key());
        let head = digest.as_ref().first_chunk::<8>()?;
        // A part of the whole, and no remainder: where weights change, only those users move who are
        // between an old and a new boundary. The product of two numbers of 64 bits has 128.
        let product = u128::from(u64::from_be_bytes(*head)) * u128::from(self.total);
        let mut place = u64::try_from(product >> 64).ok()?;
        self.shares.iter().find_map(|(weight, upstream)| {
            let is_here = place < *weight;
            place = place.saturating_sub(*weight);
            is_here.then_some(upstream)
        })
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(_, only)] = self.shares.as_slice() {
            return f.write_str(only.name());
        }
        let shares = self.shares.iter().map(|(weight, upstream)| {
            let percent = weight.saturating_mul(100).checked_div(self.total);
            format!("{} ({} %)", upstream.name(), percent.unwrap_or(0))
        });
        f.write_str(&shares.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::upstream::StickySigner;

    fn split(weights: &[u64]) -> Split {
        let metrics = Metrics::new().unwrap();
        let settings = serde_yaml::from_str("servers: ['127.0.0.1:1']").unwrap();
        let shares = weights.iter().enumerate().map(|(number, weight)| {
            let signer = StickySigner::new(&[0; 32], true);
            let upstream = Upstream::new(&format!("up{number}"), &settings, &signer, &metrics);
            let upstream = upstream.unwrap();
            (*weight, upstream)
        });
        Split::new(shares.collect())
    }

    fn choices(split: &Split) -> Vec<String> {
        let choose = |user: u32| {
            let upstream = split.choose(|| user.to_be_bytes().to_vec()).unwrap();
            upstream.name().to_string()
        };
        (0..1000).map(choose).collect()
    }

    #[test]
    fn each_gets_its_part_and_only_who_must_moves() {
        let before = choices(&split(&[95, 5]));
        let after = choices(&split(&[90, 10]));
        let at_canary = |choices: &[String]| choices.iter().filter(|name| *name == "up1").count();
        assert!(
            (25..80).contains(&at_canary(&before)),
            "{}",
            at_canary(&before)
        );
        assert!(
            (60..140).contains(&at_canary(&after)),
            "{}",
            at_canary(&after)
        );
        let left = before.iter().zip(&after);
        assert!(
            left.clone()
                .all(|(before, after)| before == after || after == "up1")
        );
        assert_eq!(choices(&split(&[95, 5])), before, "at every gateway");
    }

    #[test]
    fn it_says_what_it_does() {
        assert_eq!(split(&[3, 1]).to_string(), "up0 (75 %), up1 (25 %)");
        assert_eq!(split(&[7]).to_string(), "up0");
    }
}
