use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::route::settings::Access;

const KNOWN: &str = "known-to-the-gateway-here.e.b";

fn rewrite(forward: Value) -> serde_json::Result<Rewrite> {
    let config: Config = serde_json::from_value(json!({
        "public_url": "https://app.example.com",
        "listeners": [{ "address": "127.0.0.1:0" }],
        "forward": forward,
        "issuers": [
            { "name": "one", "iss": "https://one", "jwks_url": "https://one/keys", "cookie_name": "tok", "header": "X-Id-Token" },
        ],
    }))?;
    let token_sources = TokenSources::new(&config.token_sources());
    Ok(Rewrite::new(
        &config.forward,
        &config.routes,
        &token_sources,
    ))
}

fn default() -> Rewrite {
    rewrite(json!({})).unwrap()
}

fn by_header() -> Rewrite {
    rewrite(json!({ "header": "X-Session", "scheme": "" })).unwrap()
}

fn request(fields: &[(&str, &str)]) -> RequestHeader {
    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.append_header((*name).to_owned(), value).unwrap();
    }
    request
}

/// As written on the wire, so with the case of names.
fn wire(request: &RequestHeader) -> String {
    let mut bytes = Vec::new();
    request.header_to_h1_wire(&mut bytes);
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

fn stripped(rewrite: &Rewrite, access: Access, fields: &[(&str, &str)]) -> String {
    let mut request = request(fields);
    rewrite.strip(
        &mut request,
        access != Access::None,
        |_| false,
        |_| false,
        |token| token == KNOWN,
    );
    wire(&request)
}

#[test]
fn every_spelling_of_our_fields_leaves_on_every_route() {
    for access in [Access::Required, Access::Optional, Access::None] {
        for name in [
            "X-Platform-Session",
            "x-platform-session",
            "X_Platform_Session",
            "X-Platform_Session",
            "x.platform.session",
            "X~PLATFORM!SESSION",
            "X-Id-Token",
            "x_id_token",
            "X-Session",
            "x_session",
        ] {
            let left = stripped(&by_header(), access, &[(name, "forged"), ("Keep", "me")]);
            assert_eq!(left, "Keep: me\n", "{name}");
        }
        for name in [
            "X-Platform-Sessions",
            "XPlatformSession",
            "X-Id-Tokens",
            "X--Session",
        ] {
            let left = stripped(&by_header(), access, &[(name, "kept")]);
            assert_eq!(left, format!("{name}: kept\n"));
        }
    }
}

#[test]
fn cookies_of_issuers_and_ours_leave_on_every_route() {
    for access in [Access::Required, Access::Optional, Access::None] {
        let left = stripped(
            &default(),
            access,
            &[
                ("Cookie", "a=1; tok=x; b=2"),
                (
                    "Cookie",
                    "__Host-vestibule=x; c=3; vestibule=y; DYNAMIC_JWT_TOKEN=z",
                ),
            ],
        );
        assert_eq!(left, "Cookie: a=1; b=2; c=3\n");
        assert_eq!(stripped(&default(), access, &[("Cookie", "tok=x")]), "");
        let others = "Tok=x; vestibule2=y;  z = 1 ;;";
        let left = stripped(&default(), access, &[("cookie", others)]);
        assert_eq!(left, format!("cookie: {others}\n"));
    }
}

#[test]
fn a_bearer_leaves_where_credentials_are_taken() {
    for value in [
        "Bearer opaque",
        "bearer a.b.c",
        "BEARER",
        "Bearer\tx",
        " Bearer x",
    ] {
        let fields = [("Authorization", value)];
        assert_eq!(
            stripped(&by_header(), Access::Required, &fields),
            "",
            "{value}"
        );
        assert_eq!(
            stripped(&by_header(), Access::Optional, &fields),
            "",
            "{value}"
        );
        assert_ne!(stripped(&by_header(), Access::None, &fields), "", "{value}");
    }
    let basic = [("Authorization", "Basic eDp5")];
    for access in [Access::Required, Access::Optional, Access::None] {
        assert_eq!(
            stripped(&default(), access, &basic),
            "Authorization: Basic eDp5\n"
        );
    }
}

#[test]
fn a_known_token_leaves_in_any_scheme_on_every_route() {
    for access in [Access::Required, Access::Optional, Access::None] {
        for value in [
            "Bearer known-to-the-gateway-here.e.b",
            "DPoP known-to-the-gateway-here.e.b",
            "known-to-the-gateway-here.e.b",
            "Token token=\"known-to-the-gateway-here.e.b\", x=y",
            "Bearer x.y.z, known-to-the-gateway-here.e.b",
        ] {
            let left = stripped(&default(), access, &[("Authorization", value)]);
            assert_eq!(left, "", "{value}");
        }
        let other = stripped(&default(), access, &[("Authorization", "DPoP other.a.b")]);
        assert_eq!(other, "Authorization: DPoP other.a.b\n");
    }
    let both = [
        ("Authorization", "Bearer other.a.b"),
        ("Authorization", "Bearer known-to-the-gateway-here.e.b"),
    ];
    assert_eq!(stripped(&default(), Access::None, &both), "");
}

#[test]
fn what_imitates_the_session_token_leaves() {
    let scheme = rewrite(json!({ "scheme": "Platform" })).unwrap();
    let bare = rewrite(json!({ "scheme": "" })).unwrap();
    let forged = [("Authorization", "platform forged")];
    for access in [Access::Required, Access::Optional, Access::None] {
        assert_eq!(stripped(&scheme, access, &forged), "");
        assert_eq!(stripped(&bare, access, &forged), "");
        assert_ne!(stripped(&default(), access, &forged), "");
    }
}

#[test]
fn the_session_token_comes_in_once_under_its_name() {
    for (rewrite, before, value, after) in [
        (
            default(),
            ("authorization", "Basic eDp5"),
            "Bearer s.t.u",
            "Authorization: Bearer s.t.u\n",
        ),
        (
            by_header(),
            ("x-session", "forged"),
            "s.t.u",
            "X-Session: s.t.u\n",
        ),
    ] {
        let mut request = request(&[before, before]);
        let value = HeaderValue::from_static(value);
        rewrite.inject(&mut request, value.clone());
        rewrite.inject(&mut request, value);
        assert_eq!(wire(&request), after);
    }
}

#[test]
fn untouched_requests_keep_their_case_and_order() {
    let fields = [
        ("HOST", "a"),
        ("accept", "x"),
        ("Cookie", "a=1"),
        ("X-A", "1"),
        ("x-a", "2"),
    ];
    let before = wire(&request(&fields));
    assert_eq!(stripped(&default(), Access::Required, &fields), before);
}

#[test]
fn refuses_names_that_frame_the_message() {
    for name in [
        "Cookie",
        "Host",
        "content-length",
        "Transfer-Encoding",
        "a b",
        "",
    ] {
        assert!(rewrite(json!({ "header": name })).is_err(), "{name}");
    }
    assert!(rewrite(json!({ "scheme": "a\nb" })).is_err());
    assert!(rewrite(json!({ "header": "X-Any", "scheme": "Any" })).is_ok());
}

fn spelled(name: &'static str) -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec((any::<bool>(), "[-_.~!]"), name.len());
    bytes.prop_map(move |choices| {
        name.chars()
            .zip(choices)
            .map(|(letter, (upper, separator))| match letter {
                '-' => separator,
                letter if upper => letter.to_ascii_uppercase().to_string(),
                letter => letter.to_string(),
            })
            .collect()
    })
}

proptest! {
    /// No spelling of our names is left; all other fields are, with their values in order.
    #[test]
    fn takes_ours_and_nothing_else(
        fields in prop::collection::vec(
            (
                prop_oneof![
                    spelled("x-platform-session"), spelled("x-id-token"), spelled("x-session"),
                    "[a-zA-Z][a-zA-Z_-]{0,10}",
                ],
                "[!-~]{0,12}",
            ),
            0..12,
        )
    ) {
        let ours = |name: &str| {
            let plain: String = name
                .to_ascii_lowercase()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .collect();
            ["x-platform-session", "x-id-token", "x-session"].contains(&plain.as_str())
        };
        let mut fields = fields;
        fields.retain(|(name, _)| !["cookie", "authorization"].contains(&&*name.to_ascii_lowercase()));
        let borrowed: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut request = request(&borrowed);
        by_header().strip(&mut request, true, |_| false, |_| false, |_| false);

        let expected: Vec<&(&str, &str)> = borrowed.iter().filter(|(name, _)| !ours(name)).collect();
        prop_assert_eq!(request.headers.len(), expected.len());
        for (name, _) in &expected {
            let found: Vec<&[u8]> =
                request.headers.get_all(*name).iter().map(HeaderValue::as_bytes).collect();
            let wanted: Vec<&[u8]> = expected
                .iter()
                .filter(|(other, _)| other.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_bytes())
                .collect();
            prop_assert_eq!(found, wanted);
        }
        // Writing panics when the map of cases and the map of values differ.
        wire(&request);
    }
}

#[test]
fn chunks_of_a_credential_leave_and_their_like_stays() {
    let config: Config = serde_json::from_value(json!({
        "public_url": "https://app.example.com",
        "listeners": [{ "address": "127.0.0.1:0" }],
        "issuers": [{
            "name": "sb", "iss": "https://sb", "jwks_url": "https://sb/keys",
            "cookie_name": "sb-auth", "cookie_format": "supabase_ssr",
        }],
    }))
    .unwrap();
    let token_sources = TokenSources::new(&config.token_sources());
    let rewrite = Rewrite::new(&config.forward, &config.routes, &token_sources);
    let cookies = "a=1; sb-auth.0=x; sb-auth.x=kept; sb-auth.1=y; sb-auth-2=kept; sb-auth=z";
    let left = stripped(&rewrite, Access::None, &[("Cookie", cookies)]);
    assert_eq!(left, "Cookie: a=1; sb-auth.x=kept; sb-auth-2=kept\n");
}
