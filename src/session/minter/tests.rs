use serde_json::json;

use super::*;
use crate::store::{Credential, CredentialFormat, SigningAlgorithm};

const ISS: &str = "https://idp.example";

/// With a key of its own, and a time to live in seconds.
fn minter(token_ttl: u64) -> Minter {
    Minter {
        keys: Arc::new(SigningKeys::ephemeral(SigningAlgorithm::ES256).unwrap()),
        iss: "https://app.example/_vestibule".to_owned(),
        audience: "https://app.example".to_owned(),
        scopes: Arc::new(Scopes::all(["reports:read"])),
        environment_id: Uuid::nil(),
        token_ttl: Duration::from_secs(token_ttl),
        claims: ClaimSet::Compact,
        copied: CopiedClaims::default(),
    }
}

fn session(expires_at: u64) -> SessionRecord {
    serde_json::from_value(json!({
        "sid": Uuid::from_u128(1), "user_id": Uuid::from_u128(2), "iss": ISS, "issuer": "idp",
        "opened_at": 0, "expires_at": expires_at, "last_seen": 0, "remember_until": expires_at,
    }))
    .unwrap()
}

fn user(email: Option<&str>) -> User {
    let credential = email.map(|email| Credential {
        id: Uuid::from_u128(3),
        format: CredentialFormat::Email,
        iss: ISS.to_owned(),
        public_identifier: email.to_owned(),
        email: Some(email.to_owned()),
        verified_at: UnixTime(0),
        sign_in_enabled: true,
        email_said_at: None,
    });
    let credentials = credential.into_iter().collect();
    User::of_workload(Uuid::from_u128(2), credentials, UnixTime(0))
}

/// Minted at 0, of a session that ends at 1000.
fn minted(minter: &Minter, user: &User) -> SessionToken {
    let end = UnixTime(1000);
    minter
        .mint(user, &session(end.0), UnixTime(0), end)
        .unwrap()
}

#[test]
fn a_token_is_renewed_by_a_bounded_part_of_its_life() {
    let seconds = |ttl| renewed_before(Duration::from_secs(ttl)).as_secs();
    for (ttl, before) in [(1, 0), (60, 6), (300, 30), (7_200, 30)] {
        assert_eq!(seconds(ttl), before, "{ttl}");
    }
}

/// One that has no successor is forwarded to its end.
#[test]
fn a_token_ends_with_its_session_and_with_what_it_was_minted_for() {
    let minter = minter(100);
    for (session_end, not_after, ends, fresh) in [
        (1000, 1000, 100, 90),
        (1000, 101, 100, 90),
        (1000, 100, 100, 100),
        (1000, 60, 60, 60),
        (60, 1000, 60, 60),
    ] {
        let (session, not_after) = (session(session_end), UnixTime(not_after));
        let token = minter.mint(&user(None), &session, UnixTime(0), not_after);
        let token = token.unwrap();
        let times = (token.expires_at.0, token.fresh_until.0);
        assert_eq!(times, (ends, fresh), "{session_end} {not_after:?}");
        let claims = minter.read(&token.text, UnixTime(0)).unwrap();
        assert_eq!((claims.iat.0, claims.exp.0), (0, ends));
    }
}

#[test]
fn a_token_is_read_if_one_of_our_keys_signed_it_for_sessions() {
    use SelfIssuedError::{Expired, Malformed, Signature, UnknownKey, WrongKind};
    let minter = minter(100);
    let token = minted(&minter, &user(None)).text;
    let read = |token: &str, at| minter.read(token, UnixTime(at)).map(|claims| claims.sid);
    assert_eq!(read(&token, 99), Ok(Uuid::from_u128(1)));
    assert_eq!(read(&token, 100), Err(Expired));
    assert!(minter.read_past(&token).is_ok());

    let terms = Terms::until(UnixTime(1000));
    let account = minter.mint_account(&user(None), &session(1000), UnixTime(0), &terms);
    assert_eq!(read(&account.unwrap().text, 0), Err(WrongKind));
    let foreign = minted(&self::minter(100), &user(None)).text;
    assert_eq!(read(&foreign, 0), Err(UnknownKey));

    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("{token}");
    };
    let kid = minter.keys.keyring().current().kid().to_owned();
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut other = claims_of(&token).unwrap();
    other.insert("sub".to_owned(), json!(Uuid::from_u128(9)));
    let other = encode(other.into());
    let hmac = encode(json!({ "alg": "HS256", "kid": kid, "typ": "JWT" }));
    let untyped = encode(json!({ "alg": "ES256", "kid": kid }));
    for (changed, error) in [
        (format!("{header}.{other}.{signature}"), Signature),
        (format!("{hmac}.{payload}.{signature}"), Signature),
        (format!("{header}.{payload}."), Signature),
        (format!("{untyped}.{payload}.{signature}"), Malformed),
        (format!("{header}.{payload}.{signature}="), Malformed),
        (format!("{header}.{payload}"), Malformed),
        (String::new(), Malformed),
    ] {
        assert_eq!(read(&changed, 0), Err(error), "{changed}");
    }
}

/// With everything else that it said, and signed by the key that signs now.
#[test]
fn a_token_is_stated_again_where_its_user_is_another() {
    let minter = minter(100);
    let (with, without) = (user(Some("a@b.example")), user(None));
    let token = minted(&minter, &with).text;
    let session = session(1000);
    let same = minter.restate(&token, (&with, &session), None).unwrap();
    assert!(same.is_none());
    let same = minter.restate(&token, (&with, &session), Some(&minter.audience));
    assert!(same.unwrap().is_none());
    let other = Some("https://page.example");
    let restated = minter.restate(&token, (&with, &session), other).unwrap();
    let restated = claims_of(&restated.unwrap().text).unwrap();
    assert_eq!(restated["aud"], json!("https://page.example"));
    let restated = minter.restate(&token, (&without, &session), None).unwrap();
    let restated = restated.expect("the address is gone");
    let mut expected = claims_of(&token).unwrap();
    assert_eq!(expected.remove("email"), Some(json!("a@b.example")));
    assert_eq!(claims_of(&restated.text).unwrap(), expected);
    assert_eq!(restated.expires_at, UnixTime(100));
    assert!(minter.read(&restated.text, UnixTime(0)).is_ok());

    let addressed = minter.readdress(&token, "https://mail.example").unwrap();
    let mut expected = claims_of(&token).unwrap();
    expected.insert("aud".to_owned(), json!("https://mail.example"));
    assert_eq!(claims_of(&addressed.text).unwrap(), expected);
    assert!(addressed.scopes.holds("reports:read"));
}
