//! Each reason for which a token is refused, with a twin that differs in one thing and is accepted.

use super::*;

mod accepted;
mod refused;

use accepted::{ACCEPTED, ARN, alb};
use refused::REFUSED;

/// The reason for which a changed scene is refused, by verification and explanation alike.
fn refusal(change: impl FnOnce(&mut Scene)) -> Option<Reason> {
    let signer = Signer::new("ES256");
    let mut scene = Scene::new(&signer);
    change(&mut scene);
    let (issuers, token) = (scene.issuers(), scene.token(&signer));
    let verdict = verify(&token, &issuers, NOW);
    let explanation = explain(&token, &issuers, NOW);
    assert_eq!(explanation.valid, verdict.is_ok());
    assert_eq!(
        explanation.code(),
        verdict.as_ref().err().map(Refusal::code),
        "{explanation}"
    );
    verdict.err().map(|refusal| refusal.reason())
}

#[test]
fn the_scene_as_made_is_accepted() {
    assert_eq!(refusal(|_| {}), None);
}

type Change = fn(&mut Scene);

#[test]
fn each_reason_refuses() {
    for (at, (reason, change)) in REFUSED.iter().enumerate() {
        assert_eq!(refusal(change), Some(*reason), "case {at}");
    }
}

#[test]
fn each_twin_is_accepted() {
    for (at, change) in ACCEPTED.iter().enumerate() {
        assert_eq!(refusal(change), None, "case {at}");
    }
}

#[test]
fn every_reason_has_a_case_and_a_code_of_its_own() {
    let codes: HashSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), Reason::ALL.len());
    let elsewhere = [
        Reason::HeaderDuplicate,
        Reason::ClaimsInvalid,
        Reason::ClaimsDuplicate,
        Reason::ClaimNotText,
        Reason::IssuerMismatch,
        Reason::TenantMismatch,
        Reason::KeyOfOtherIssuer,
        // Of logout tokens, or of assertions.
        Reason::LogoutAudienceUnset,
        Reason::LogoutEventMissing,
        Reason::NoncePresent,
        Reason::LogoutSidInvalid,
        Reason::JtiMissing,
    ];
    for reason in Reason::ALL {
        let covered = REFUSED.iter().any(|(it, _)| it == reason) || elsewhere.contains(reason);
        assert!(covered, "{reason:?}");
    }
}
