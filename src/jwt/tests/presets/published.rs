//! Key sets with the entries and members that providers publish, next to the entry whose key signs the
//! tokens here: what else is in a set must neither be used nor keep the right entry from use.
//! The shapes were read off the providers' answers; the numbers are our own.

use std::sync::OnceLock;

use super::*;

/// A provider's answer.
#[derive(Clone)]
pub(super) struct Published {
    /// What its key address answers.
    pub(super) document: Value,
    /// How many entries may verify something.
    pub(super) usable: usize,
}

/// Two for signatures, each with its certificate.
pub(super) fn auth0(kid: &str) -> Published {
    let members = |thumbprint: &str| json!({ "x5c": ["MIIC+zCC"], "x5t": thumbprint });
    sets(
        vec![
            signing(another(), "QjYxQ0U1QTVC", members("QjYxQ0U1QTVC")),
            signing(fixture::rsa(), kid, members("WaiAZeN6U1Tc")),
        ],
        2,
    )
}

/// Two that overlap while they rotate, without certificates.
pub(super) fn google_accounts(kid: &str) -> Published {
    sets(
        vec![
            signing(fixture::rsa(), kid, json!({})),
            signing(another(), "713fd68c966e", json!({})),
        ],
        2,
    )
}

/// The key in use and, on standby, the next; both say what they are for.
pub(super) fn supabase(signer: &Signer, kid: &str) -> Published {
    let members = json!({ "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": true });
    sets(
        vec![
            with_members(signer.jwk(kid), members.clone()),
            with_members(Signer::new("ES256").jwk("75c79453"), members),
        ],
        2,
    )
}

/// One for the whole instance.
pub(super) fn clerk(kid: &str) -> Published {
    sets(vec![signing(fixture::rsa(), kid, json!({}))], 1)
}

/// One for ID tokens and one for access tokens; a `kid` may end in `=`.
pub(super) fn cognito(kid: &str) -> Published {
    sets(
        vec![
            signing(another(), "1HlYqX0dN2R=", json!({})),
            signing(fixture::rsa(), kid, json!({})),
        ],
        2,
    )
}

/// Without `alg`, each with the issuers that it is for: everybody, or the tenant of personal accounts.
pub(super) fn entra(kid: &str) -> Published {
    let entry = |signer: &Signer, kid: &str, issuer: &str| {
        let members = json!({
            "use": "sig", "x5t": kid, "x5c": ["MIIC/TCC"], "issuer": issuer,
            "cloud_instance_name": "microsoftonline.com",
        });
        with_members(signer.jwk(kid), members)
    };
    let everybody = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let personal = "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
    sets(
        vec![
            entry(another(), "A1bC2dE3", everybody),
            entry(fixture::rsa(), kid, everybody),
            entry(fixture::rsa(), ENTRA_PERSONAL, personal),
        ],
        3,
    )
}

/// The `kid` in [`entra`] that is for personal accounts alone.
pub(super) const ENTRA_PERSONAL: &str = "E3fH4iJ5";

/// One for signatures, one for encryption.
pub(super) fn keycloak(kid: &str) -> Published {
    let certificate = json!({ "x5c": ["MIICmzCC"], "x5t": "JZ8jwBZn", "x5t#S256": "Y1XJpsaL" });
    let encryption = with_members(
        signing(another(), "Q2O_f0Z7hVL1", certificate.clone()),
        json!({ "alg": "RSA-OAEP", "use": "enc" }),
    );
    sets(
        vec![encryption, signing(fixture::rsa(), kid, certificate)],
        1,
    )
}

/// One for the application, with its certificate.
pub(super) fn workos(kid: &str) -> Published {
    let members = json!({ "x5c": ["MIICvjCC"], "x5t#S256": "test" });
    sets(vec![signing(fixture::rsa(), kid, members)], 1)
}

/// The current and the former key, and both again as certificates.
pub(super) fn cloudflare_access(kid: &str) -> Published {
    let certificate = |kid: &str| json!({ "kid": kid, "cert": "-----BEGIN CERTIFICATE-----\n" });
    let mut published = sets(
        vec![
            signing(another(), "d112849a2213", json!({})),
            signing(fixture::rsa(), kid, json!({})),
        ],
        2,
    );
    published.document["public_cert"] = certificate(kid);
    published.document["public_certs"] = json!([certificate("d112849a2213"), certificate(kid)]);
    published
}

/// Five on the P-256 curve.
pub(super) fn google_iap(signer: &Signer, kid: &str) -> Published {
    let entry = |signer: &Signer, kid: &str| {
        with_members(signer.jwk(kid), json!({ "alg": "ES256", "use": "sig" }))
    };
    let mut keys = vec![entry(signer, kid)];
    keys.extend(
        ["0oeLcQ", "6BEeoA", "FAWt5w", "f9R3yg"].map(|kid| entry(&Signer::new("ES256"), kid)),
    );
    sets(keys, 5)
}

/// One key in use and one to come, without certificates: Okta, Zitadel, Ory.
pub(super) fn two(kid: &str) -> Published {
    sets(
        vec![
            signing(fixture::rsa(), kid, json!({})),
            signing(another(), "y2kNp0", json!({})),
        ],
        2,
    )
}

/// With certificates and both thumbprints.
pub(super) fn github_actions(kid: &str) -> Published {
    let members = json!({ "x5c": ["MIIDKzCC"], "x5t": kid, "x5t#S256": null });
    sets(
        vec![
            signing(another(), "cc413527-173f", json!({ "x5c": ["MIIDKzCC"] })),
            signing(fixture::rsa(), kid, members),
        ],
        2,
    )
}

/// A bundle (SPIFFE Trust Domain and Bundle section 4): keys of both kinds, distinguished by their use.
pub(super) fn spiffe(signer: &Signer, kid: &str) -> Published {
    let mut published = sets(
        vec![
            with_members(
                another().jwk("x"),
                json!({ "use": "x509-svid", "kid": null, "x5c": ["MIIDKzCC"] }),
            ),
            with_members(signer.jwk(kid), json!({ "use": "jwt-svid" })),
        ],
        1,
    );
    published.document["spiffe_sequence"] = json!(1);
    published.document["spiffe_refresh_hint"] = json!(2);
    published
}

fn sets(keys: Vec<Value>, usable: usize) -> Published {
    Published {
        document: json!({ "keys": keys }),
        usable,
    }
}

/// An RSA entry with the members that most providers write.
fn signing(signer: &Signer, kid: &str, more: Value) -> Value {
    with_members(
        with_members(signer.jwk(kid), json!({ "alg": "RS256", "use": "sig" })),
        more,
    )
}

fn with_members(jwk: Value, members: Value) -> Value {
    fixture::with(jwk, &members)
}

/// The provider's other RSA key, which signs nothing here.
fn another() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer::new("RS256"))
}
