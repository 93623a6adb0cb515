//! Changes that are next to those and refuse nothing.

use super::*;

pub(super) const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/50dc6c495c0c9188";

pub(super) fn alb() -> Value {
    json!({
        "preset": "aws_alb", "region": "eu-west-1", "signer": ARN,
        "jwks_url": "https://keys.example/{kid}",
    })
}

/// The twins: as near to a refused scene as an accepted one can be.
pub(super) const ACCEPTED: &[Change] = &[
    |it| {
        it.header.as_object_mut().unwrap().remove("typ");
    },
    |it| it.header["typ"] = json!("at+jwt"),
    |it| it.header["typ"] = json!("Application/AT+JWT"),
    |it| it.header["typ"] = json!("application/jwt"),
    |it| {
        it.settings["accepted_types"] = json!(["JWT", "application/JOSE"]);
        it.header["typ"] = json!("jose");
    },
    |it| {
        it.settings["allow_padding"] = json!(true);
        it.padded = true;
    },
    |it| {
        it.settings = alb();
        it.header["signer"] = json!(ARN);
        it.padded = true;
    },
    |it| {
        it.settings = alb();
        it.header["signer"] = json!(ARN);
        for name in ["iss", "exp"] {
            it.header[name] = it.claims[name].clone();
            it.claims.as_object_mut().unwrap().remove(name);
        }
    },
    |it| {
        // Its other tokens are not padded.
        it.settings["allow_padding"] = json!(true);
    },
    |it| {
        it.settings["subject_claim"] = json!(["sub", "common_name"]);
        it.claims["sub"] = json!("");
        it.claims["common_name"] = json!("b2c9.access");
    },
    |it| {
        it.settings["subject_claim"] = json!("user.id");
        it.claims["user"] = json!({ "id": 4711 });
    },
    |it| {
        it.settings["iss_aliases"] = json!("idp.example");
        it.claims["iss"] = json!("idp.example");
    },
    |it| it.header["x5t"] = json!("abc"),
    // SAP's UAA and others tell where their keys are. Nobody goes there.
    |it| it.header["jku"] = json!("https://uaa.example/token_keys"),
    |it| it.header["x5u"] = json!("https://idp.example/cert"),
    |it| it.header["x5c"] = json!(["MIIC"]),
    |it| it.header["jwk"] = json!({ "kty": "oct", "k": "AAAA" }),
    // What is null or empty is absent.
    |it| it.header["kid"] = json!(null),
    |it| it.header["kid"] = json!(""),
    |it| it.header["typ"] = json!(null),
    |it| it.header["x5t"] = json!(null),
    |it| it.header["x5t"] = json!(1),
    |it| it.claims["nbf"] = json!(null),
    |it| it.claims["iat"] = json!(null),
    |it| it.claims["aud"] = json!(null),
    |it| it.claims["azp"] = json!(null),
    |it| it.claims["cnf"] = json!(null),
    |it| it.claims["events"] = json!(null),
    |it| {
        // Two keys without a `kid`.
        it.settings["try_all_keys"] = json!(true);
        it.jwks.push(Signer::new("ES256").jwk("k2"));
        for jwk in &mut it.jwks {
            jwk.as_object_mut().unwrap().remove("kid");
        }
    },
    |it| {
        // Two keys under one.
        it.settings["try_all_keys"] = json!(true);
        it.jwks.insert(0, Signer::new("ES256").jwk("k"));
    },
    |it| {
        it.settings["try_all_keys"] = json!(true);
        it.header.as_object_mut().unwrap().remove("kid");
        for number in 0..7 {
            it.jwks
                .insert(0, Signer::new("ES256").jwk(&format!("k{number}")));
        }
    },
    |it| {
        // The keys of six algorithms, one of which is the token's.
        it.header.as_object_mut().unwrap().remove("kid");
        for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            let mut jwk = fixture::rsa().jwk(algorithm);
            jwk["alg"] = json!(algorithm);
            it.jwks.push(jwk);
        }
    },
    |it| it.header["cty"] = json!("JWT"),
    // The default, spelled out.
    |it| it.header["b64"] = json!(true),
    // As ForgeRock AM and Ping AM write it into every token.
    |it| it.header["zip"] = json!("NONE"),
    |it| it.header["zip"] = json!(null),
    |it| it.header["zip"] = json!(""),
    |it| {
        it.header.as_object_mut().unwrap().remove("kid");
    },
    |it| {
        it.header.as_object_mut().unwrap().remove("kid");
        it.jwks.push(fixture::rsa().jwk("r"));
        it.jwks.push(Signer::new("ES384").jwk("e"));
    },
    |it| {
        it.jwks[0].as_object_mut().unwrap().remove("kid");
    },
    |it| {
        it.jwks
            .push(json!({ "kty": "oct", "k": "AAAA", "kid": "k" }))
    },
    |it| it.jwks.push(fixture::rsa().jwk("k")),
    |it| it.settings["algorithms"] = json!(["ES256"]),
    |it| it.claims["exp"] = json!(NOW.0 - 29),
    |it| it.claims["exp"] = json!(NOW.0 as f64 + 0.5),
    |it| it.claims["nbf"] = json!(NOW.0 + 30),
    |it| it.claims["iat"] = json!(NOW.0 + 30),
    |it| {
        it.claims.as_object_mut().unwrap().remove("iat");
    },
    |it| {
        it.settings["max_token_age"] = json!("1h");
        it.claims["iat"] = json!(NOW.0 - 3629);
    },
    |it| it.claims["aud"] = json!([1, null]),
    |it| {
        it.settings["aud"] = json!(["api", "web"]);
        it.claims["aud"] = json!("web");
    },
    |it| {
        it.settings["aud"] = json!("api");
        it.claims["aud"] = json!(["other", "api"]);
    },
    |it| {
        it.settings["aud"] = json!("client");
        it.settings["aud_claim"] = json!("client_id");
        it.claims["client_id"] = json!("client");
    },
    |it| {
        it.settings["azp"] = json!(["web", "app"]);
        it.claims["azp"] = json!("app");
    },
    |it| {
        it.settings["required_claims"] = json!(["org.id"]);
        it.claims["org"] = json!({ "id": 0 });
    },
    |it| {
        it.settings["required_claims"] = json!({ "token_use": ["access", "id"] });
        it.claims["token_use"] = json!("id");
    },
    |it| {
        it.settings["required_claims"] = json!({ "groups": "admin" });
        it.claims["groups"] = json!(["admin", "x"]);
    },
    |it| {
        it.settings["required_claims"] = json!({ "groups": [["a", "b"]] });
        it.claims["groups"] = json!(["a", "b"]);
    },
    // An application's own claim of that name.
    |it| it.claims["events"] = json!(["e1", "urn:ietf:params:event:x"]),
    |it| it.claims["events"] = json!({ "theme": "dark", "1:2": {} }),
    |it| it.claims["events"] = json!({}),
    |it| it.claims["events"] = json!("https://event.example/x"),
];
