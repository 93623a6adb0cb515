//! The probes, by subject. Each subject says what it needs, and is skipped without it.

use super::probe::Probe;
use super::report::Skipped;
use super::site::Site;

mod browsers;
mod exposure;
mod forwarded;
mod framing;
mod identity;
mod paths;
mod servers;
mod tokens;

/// All probes that the set-up allows; what it does not is added to `skipped`.
pub(super) fn all(site: &Site, skipped: &mut Vec<Skipped>) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut skip = |probes, reason, in_vain| {
        skipped.push(Skipped {
            probes,
            reason,
            in_vain,
        });
    };
    probes.extend(exposure::probes(site));
    probes.extend(browsers::cors(site));
    match site.arriving() {
        Some(arriving) => {
            probes.extend(identity::probes(site));
            probes.extend(forwarded::probes(&arriving));
            probes.extend(framing::probes(site));
            probes.extend(servers::probes(site));
        }
        None if site.has_echo() => skip(
            "identity, forwarded, framing, servers",
            "the target's path does not lead to the echo server, or the credential does not open it",
            true,
        ),
        None => skip(
            "identity, forwarded, framing, servers",
            "they need --echo: what arrives at the application is not seen",
            false,
        ),
    }
    if site.is_guarded {
        probes.extend(paths::probes(site));
    } else {
        skip(
            "paths",
            "the protected path lets everybody through; name one with --protected",
            false,
        );
    }
    if site.judges_tokens() {
        probes.extend(tokens::probes(site));
        if site.public_keys.is_none() {
            skip(
                "algorithm confusion",
                "it needs the issuer's public keys: --jwks",
                false,
            );
        }
        probes.extend(browsers::cookies(site));
    } else {
        skip(
            "tokens, cookies",
            "they need a path that refuses requests without a credential, and a --token that opens it",
            site.credential.is_some(),
        );
    }
    probes
}
