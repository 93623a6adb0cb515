//! SPIFFE's names (SPIFFE ID section 2): `spiffe://TRUST-DOMAIN/PATH`. A JWT-SVID names its subject
//! so and may have no `iss` (JWT-SVID section 3); then the trust domain says whose keys count.

/// The `iss` that a trust domain stands for, from the subject of a token that has none.
pub(super) fn trust_domain_iss(subject: Option<&str>) -> Option<String> {
    let (domain, _) = subject?.strip_prefix(SCHEME)?.split_once('/')?;
    (!domain.is_empty()).then(|| format!("{SCHEME}{domain}"))
}

/// Whether a subject is a name within the trust domain, which is compared exactly.
pub(super) fn is_within(subject: &str, domain: &str) -> bool {
    let path = subject
        .strip_prefix(SCHEME)
        .and_then(|rest| rest.strip_prefix(domain))
        .and_then(|rest| rest.strip_prefix('/'));
    path.is_some_and(|path| !path.is_empty())
}

const SCHEME: &str = "spiffe://";

#[cfg(test)]
mod tests {
    use super::{is_within, trust_domain_iss};

    #[test]
    fn a_subject_is_within_its_own_trust_domain_only() {
        assert!(is_within("spiffe://acme.example/ns/web", "acme.example"));
        for other in [
            "spiffe://acme.example",
            "spiffe://acme.example/",
            "spiffe://acme.example.evil/web",
            "spiffe://evil/acme.example/web",
            "https://acme.example/web",
            "web",
        ] {
            assert!(!is_within(other, "acme.example"), "{other}");
        }
    }

    #[test]
    fn the_trust_domain_stands_for_the_issuer() {
        let iss = trust_domain_iss(Some("spiffe://acme.example/ns/web"));
        assert_eq!(iss.as_deref(), Some("spiffe://acme.example"));
        for other in [
            None,
            Some("alice"),
            Some("spiffe:///web"),
            Some("spiffe://acme"),
        ] {
            assert_eq!(trust_domain_iss(other), None);
        }
    }
}
