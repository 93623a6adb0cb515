use super::*;
use crate::config::load::{made, parse};

fn document(value: Value) -> Document {
    let Value::Object(document) = value else {
        panic!("{value} is no object");
    };
    document
}

#[test]
fn settings_come_back_as_they_were() {
    for settings in [
        json!({"name": "a", "iss": "https://a.example", "discovery": true, "enabled": true}),
        json!({
            "name": "a", "iss": "https://a.example", "jwks_url": "https://a.example/keys",
            "aud": ["one", "a second"], "cookie_name": "a_token", "header": "X-A-Token",
            "algorithms": ["RS256", "EdDSA"], "provisioning": "existing_only",
            "email_trusted": true, "leeway": "10s", "enabled": false,
            // Without a field of their own.
            "jwks": {"timeout": "2s"}, "required_claims": {"role": ["admin", null]},
        }),
        json!({"name": "a", "preset": "keycloak", "url": "https://sso.example", "realm": "x",
               "enabled": true}),
        // What a field cannot show.
        json!({"name": "a", "iss": "https://a.example", "aud": ["a\nb"], "leeway": 3,
               "algorithms": ["HS256", "XX"], "preset": "unknown", "enabled": true}),
    ] {
        let settings = document(settings);
        assert_eq!(IssuerForm::of(&settings).document(), Ok(settings));
    }
}

#[test]
fn the_platforms_names_become_ours() {
    let aliases = json!({"name": "a", "iss": "https://a.example", "cookieName": "c",
                         "jwksUrl": "https://a.example/keys", "assumeEmailVerified": true});
    let ours = json!({"name": "a", "iss": "https://a.example", "cookie_name": "c",
                      "jwks_url": "https://a.example/keys", "assume_email_verified": true,
                      "enabled": true});
    let form = IssuerForm::of(&document(aliases));
    assert_eq!(form.document(), Ok(document(ours)));
}

#[test]
fn an_address_counts_only_where_it_is_chosen() {
    let mut form = IssuerForm::blank("");
    form.put(JWKS_URL, "https://a.example/keys");
    let by_discovery = form.document().unwrap();
    assert_eq!(by_discovery.get("jwks_url"), None);
    assert_eq!(by_discovery["discovery"], json!(true));
    form.typed.insert(KEYS_FROM, vec![ADDRESS.to_owned()]);
    let by_address = form.document().unwrap();
    assert_eq!(by_address["jwks_url"], json!("https://a.example/keys"));
    assert_eq!(by_address.get("discovery"), None);
}

#[test]
fn a_setting_stands_in_one_place() {
    let mut form = IssuerForm::blank("");
    form.put("leeway", "10s");
    form.put(OTHERS, "leeway: 20s");
    let refused = form.document().unwrap_err();
    assert_eq!(refused[0].path, OTHERS);
    form.typed.remove("leeway");
    assert_eq!(form.document().unwrap()["leeway"], json!("20s"));
    form.typed.insert(OTHERS, vec!["- a list".to_owned()]);
    assert_eq!(form.document().unwrap_err()[0].path, OTHERS);
}

#[test]
fn inputs_of_others_are_left_out() {
    let sent = [
        ("token", "eyJ"),
        ("csrf", "x"),
        ("iss", "https://a.example"),
    ];
    let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let form = IssuerForm::sent(&sent);
    assert_eq!(
        form.typed.keys().collect::<Vec<_>>(),
        ["iss"].iter().collect::<Vec<_>>()
    );
}

#[test]
fn objections_find_their_input() {
    for (field, input) in [
        ("", ""),
        ("iss", "iss"),
        ("algorithms[0]", "algorithms"),
        ("jwks_url", KEYS_FROM),
        ("jwks.timeout", OTHERS),
        ("leewya", OTHERS),
        ("url", "url"),
    ] {
        assert_eq!(input_of(field), input, "{field}");
    }
}

/// The presets of the configuration, each created with the form and only the fields that it asks
/// for.
#[test]
fn every_provider_is_an_issuer_with_its_parameters() {
    let file =
        br#"{"listeners": [{"address": "127.0.0.1:8080"}], "public_url": "http://localhost"}"#;
    let config = parse(file).unwrap();
    for preset in &preset::PRESETS {
        let mut form = IssuerForm::blank(preset.word);
        form.put("name", "a");
        form.put("aud", "app");
        for field in preset.parameters {
            match (field.key, field.kind) {
                ("url", _) => form.put("url", "https://sso.example.com"),
                ("domain", _) => form.put("domain", "login.example.com"),
                ("user_pool", _) => form.put("user_pool", "eu-central-1_abc"),
                ("tenant", _) => form.put("tenant", "8e8f4a52-3c7e-4b7c-9d0e-6f1d2c3b4a59"),
                (key, Kind::Text) => form.put(key, "acme"),
                // Another way to say the same.
                (_, Kind::Lines | Kind::Switch) => {}
            }
        }
        let settings = form.document().unwrap();
        let made = made::issuer(&settings, &config);
        assert!(made.is_ok(), "{}: {made:?}", preset.word);
        assert_eq!(IssuerForm::of(&settings).document(), Ok(settings));
    }
    let unknown = document(json!({"name": "a", "preset": "x"}));
    let said = made::issuer(&unknown, &config).unwrap_err()[0].to_string();
    for preset in &preset::PRESETS {
        assert!(
            said.contains(preset.word),
            "{said} does not list {}",
            preset.word
        );
    }
}
