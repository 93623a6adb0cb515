//! Copies of a token in addition to the one that is used: they go no further either.

use serde_json::json;

use crate::support::{Key, Message, TestGateway};

const ROUTES: [&str; 3] = ["/", "/optional", "/open"];

#[tokio::test]
async fn no_cookie_carries_a_token_past_the_gateway_whatever_its_name() {
    let site = TestGateway::start().await;
    let used = site.acme.token().sign();
    let own = {
        site.passes(&used).await;
        site.upstream.last().bearer().unwrap()
    };
    let foreign = site.acme.token().claim("iss", "https://elsewhere.test");
    let foreign = foreign.foreign().sign();
    let neighbour = site.globex.token().sub("other").sign();
    let bearer = format!("Bearer {used}");
    for path in ROUTES {
        for copy in [
            &used,
            &neighbour,
            &own,
            &format!("\"{used}\""),
            &format!("s%3A{used}"),
            // Signed by a cookie library.
            &format!("s%3A{used}.c2lnbmF0dXJl"),
            &format!("{used}.Zp4x1g.c2lnbmF0dXJl"),
        ] {
            let cookie = format!("a=1; copy={copy}; theirs={foreign}; {copy}; b=2");
            let fields = [("Authorization", &*bearer), ("Cookie", &*cookie)];
            let seen = forwarded(&site, path, &fields).await;
            let left = format!("a=1; theirs={foreign}; b=2");
            assert_eq!(seen.field("cookie"), Some(left), "{path}");
        }
    }
}

#[tokio::test]
async fn no_field_carries_a_token_past_the_gateway_whatever_its_name() {
    let site = TestGateway::with(|config| {
        // The fields of a proxy in front are believed.
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
    })
    .await;
    let used = site.acme.token().sign();
    let foreign = site.acme.token().claim("iss", "https://elsewhere.test");
    let foreign = foreign.foreign().sign();
    let bearer = format!("Bearer {used}");
    for path in ROUTES {
        for name in [
            "X-Access-Token",
            "X-Auth-Request-Access-Token",
            "X-Amzn-Oidc-Accesstoken",
            "X-Forwarded-Access-Token",
            "X-Id-Token",
            "Proxy-Authorization",
            "Proxy_Authorization",
            "Sec-WebSocket-Protocol",
            "Referer",
            "X-Anything",
        ] {
            let value = match name {
                "Referer" => format!("https://app.test/?token={used}"),
                _ => used.clone(),
            };
            let fields = [("Authorization", &*bearer), (name, &*value)];
            let seen = forwarded(&site, path, &fields).await;
            assert_eq!(seen.field(name), None, "{path} {name}");
        }
        for (name, kept) in [
            ("X-Access-Token", &*foreign),
            ("X-Access-Token", "opaque"),
            ("Sec-WebSocket-Protocol", "chat, v2.0.1"),
            ("Referer", "https://app.test/?version=1.2.3"),
        ] {
            let fields = [("Authorization", &*bearer), (name, kept)];
            let seen = forwarded(&site, path, &fields).await;
            assert_eq!(seen.field(name).as_deref(), Some(kept), "{path} {name}");
        }
        let offered = format!("bearer, {used}, chat");
        let fields = [
            ("Authorization", &*bearer),
            ("Sec-WebSocket-Protocol", &*offered),
        ];
        let seen = forwarded(&site, path, &fields).await;
        let left = seen.field("sec-websocket-protocol");
        assert_eq!(left.as_deref(), Some("bearer, chat"), "{path}");
    }
    // A credential for a proxy is not for a server, whoever is named in it.
    for name in ["Proxy-Authorization", "Proxy_Authorization"] {
        let fields = [("Authorization", &*bearer), (name, "Basic YWJjOmRlZg==")];
        assert_eq!(forwarded(&site, "/", &fields).await.field(name), None);
    }
}

#[tokio::test]
async fn a_query_with_a_token_is_refused_unless_its_route_says_otherwise() {
    let site = TestGateway::with(|config| {
        let route = |path: &str, rule: &str| {
            json!({"path": path, "auth": "none", "upstream": "app", "query_tokens": rule})
        };
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(route("/strip", "strip"));
        routes.push(route("/forward", "forward"));
        routes.push(json!({
            "path": "/short", "upstream": "app", "query_tokens": "strip", "replace_prefix": "/",
        }));
    })
    .await;
    let used = site.acme.token().sign();
    let bearer = format!("Bearer {used}");
    let fields = [("Authorization", &*bearer)];
    let escaped = used.replace('.', "%2E");
    for path in ROUTES {
        for token in [&used, &escaped] {
            let before = site.upstream.count();
            let target = format!("{path}?a=1&access_token={token}");
            let answer = site.gateway.get(&target, &fields).await;
            site.is_refusal(&answer, 400, "invalid_request", "token_in_query")
                .await;
            assert_eq!(site.upstream.count(), before);
        }
        for kept in ["a=1&access_token=opaque", "v=1.2.3", ""] {
            let seen = forwarded(&site, &format!("{path}?{kept}"), &fields).await;
            assert_eq!(target(&seen), format!("{path}?{kept}"));
        }
    }
    let stripped = async |asked: &str| target(&forwarded(&site, asked, &fields).await);
    let with_token = |path: &str| format!("{path}?a=1&access_token={escaped}&b=%20");
    assert_eq!(
        stripped(&with_token("/strip/x")).await,
        "/strip/x?a=1&b=%20"
    );
    assert_eq!(stripped(&format!("/strip?{used}")).await, "/strip");
    assert_eq!(stripped(&with_token("/short/x")).await, "/x?a=1&b=%20");

    let asked = format!("/forward?id_token_hint={used}");
    assert_eq!(stripped(&asked).await, asked);
    site.upstream.take_unchecked();
}

/// Several applications on one domain write the same cookie, and each one of its own.
#[tokio::test]
async fn of_clerks_cookies_the_one_of_this_application_is_read_and_none_goes_on() {
    let site = TestGateway::with(|config| {
        let acme = &mut config["issuers"][0];
        acme["cookie_name"] = json!("__session");
        acme["cookie_format"] = json!("clerk");
    })
    .await;
    let (own, other) = (
        site.acme.token().sign(),
        site.acme.token().sub("bob").sign(),
    );
    let foreign = site.acme.token().claim("iss", "https://elsewhere.test");
    let foreign = foreign.foreign().sign();
    for (cookie, status) in [
        (format!("__session={own}"), 200),
        (format!("__session={own}; __session_a1B2={own}"), 200),
        (
            format!("__session={foreign}; __session_x={foreign}; __session_y={own}"),
            200,
        ),
        (format!("__session_y={own}"), 200),
        (format!("__session={foreign}"), 401),
        (format!("__session={foreign}; __session_x={foreign}"), 401),
        (format!("__session_x={own}; __session_y={other}"), 400),
    ] {
        let cookie = format!("a=1; {cookie}; b=2");
        let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        if status == 200 {
            let seen = site.upstream.last();
            assert_eq!(seen.field("cookie").as_deref(), Some("a=1; b=2"));
        }
    }
}

#[tokio::test]
async fn further_cookies_of_a_provider_leave_by_their_names() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["strip_cookies"] = json!(["refresh", "__client_*"]);
    })
    .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    for path in ROUTES {
        let cookie = "a=1; refresh=x; __client_uat=1; __client=2; refreshed=3";
        let fields = [("Authorization", &*bearer), ("Cookie", cookie)];
        let seen = forwarded(&site, path, &fields).await;
        let left = seen.field("cookie");
        assert_eq!(
            left.as_deref(),
            Some("a=1; __client=2; refreshed=3"),
            "{path}"
        );
    }
}

/// What this gateway cannot read, others can: a token of a configured issuer is one all the same.
#[tokio::test]
async fn a_token_that_only_others_can_read_is_one() {
    let site = TestGateway::with(|config| {
        let route = json!({
            "path": "/strip", "auth": "none", "upstream": "app", "query_tokens": "strip",
        });
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let used = format!("Bearer {}", site.acme.token().sign());
    let claims = site.acme.token().claims_text();
    let rest = claims.strip_prefix('{').unwrap();
    let deep = format!("{}{}", "[".repeat(150), "]".repeat(150));
    for payload in [
        format!(r#"{{"name":"Ada \ud83d",{rest}"#),
        format!(r#"{{"x":1e400,{rest}"#),
        format!(r#"{{"x":NaN,{rest}"#),
        format!(r#"{{"x":{deep},{rest}"#),
        format!("\u{feff}{claims}"),
        format!("{claims} "),
        claims.replace("\"iss\"", r#""i\u0073s""#),
        claims.replace("\"iss\"", r#""iss":"https://elsewhere.test","iss""#),
        format!(
            r#"{},"iss":"https://elsewhere.test"}}"#,
            claims.strip_suffix('}').unwrap()
        ),
    ] {
        let token = site.acme.token().payload(payload.clone()).sign();
        leaves_nowhere(&site, &token, &used).await;
        // The twin is of nobody here.
        let foreign = payload.replace(&site.acme.iss, "https://nobody.test");
        let foreign = site.acme.token().payload(foreign).foreign().sign();
        let fields = [("Authorization", &*used), ("X-Other", &*foreign)];
        let seen = forwarded(&site, "/open", &fields).await;
        assert_eq!(seen.field("x-other").as_deref(), Some(&*foreign));
    }
}

/// Padding, which an issuer may be allowed, ends a part and divides nothing.
#[tokio::test]
async fn a_padded_token_is_one() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["allow_padding"] = json!(true);
        let route = json!({
            "path": "/strip", "auth": "none", "upstream": "app", "query_tokens": "strip",
        });
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let tokens = ["a", "ab", "abc"].map(|sub| site.acme.token().sub(sub).padded().sign());
    let padded = tokens.iter().filter(|token| token.contains('='));
    assert_eq!(padded.count(), 2, "of three lengths in a row");
    for token in tokens {
        let used = format!("Bearer {token}");
        leaves_nowhere(&site, &token, &used).await;
    }
}

/// The token as a copy next to the one that is used, and alone where nobody is asked who they are.
async fn leaves_nowhere(site: &TestGateway, token: &str, used: &str) {
    let cookie = format!("a=1; zz={token}; b=2");
    let bearer = format!("Bearer {token}");
    let offered = format!("chat, {token}");
    for path in ROUTES {
        let fields = [
            ("Authorization", used),
            ("X-Other", token),
            ("Cookie", &*cookie),
            ("Referer", &*format!("https://app.test/?t={token}&x=1")),
        ];
        let seen = forwarded(site, path, &fields).await;
        assert_eq!(seen.field("x-other"), None, "{path}");
        assert_eq!(seen.field("referer"), None, "{path}");
        assert_eq!(seen.field("cookie").as_deref(), Some("a=1; b=2"), "{path}");
    }
    let seen = forwarded(site, "/open", &[("Authorization", &bearer)]).await;
    assert_eq!(seen.field("authorization"), None);
    if !token.contains('=') {
        let fields = [("Sec-WebSocket-Protocol", &*offered)];
        let seen = forwarded(site, "/open", &fields).await;
        let left = seen.field("sec-websocket-protocol");
        assert_eq!(left.as_deref(), Some("chat"));
    }
    let escaped = token.replace('=', "%3D").replace('.', "%2E");
    for token in [token, &*escaped, &*escaped.replace('%', "%25")] {
        let before = site.upstream.count();
        let answer = site.gateway.get(&format!("/open?t={token}"), &[]).await;
        site.is_refusal(&answer, 400, "invalid_request", "token_in_query")
            .await;
        assert_eq!(site.upstream.count(), before);
        let asked = format!("/strip?a=1&t={token}");
        assert_eq!(target(&forwarded(site, &asked, &[]).await), "/strip?a=1");
    }
    // The log, which the harness searches at the end.
    let agent = format!("Agent/1.0 {token}");
    let path = format!("/open/{token}/x");
    let answer = site.gateway.get(&path, &[("User-Agent", &agent)]).await;
    let line = site.access_line(&answer).await;
    assert_eq!(line["path"], "/open/[token]/x");
    assert_eq!(line["user_agent"], "Agent/1.0 [token]");
    site.upstream.take_unchecked();
}

fn target(request: &Message) -> String {
    request.start_line().split(' ').nth(1).unwrap().to_owned()
}

async fn forwarded(site: &TestGateway, path: &str, fields: &[(&str, &str)]) -> Message {
    let before = site.upstream.count();
    let answer = site.gateway.get(path, fields).await;
    assert_eq!(answer.status(), 200, "{path} {}", answer.text());
    assert_eq!(site.upstream.count(), before + 1);
    site.upstream.last()
}

/// Whoever is signed in at another application on the domain is nobody here, and stays signed in there.
#[tokio::test]
async fn the_cookies_of_clerks_other_applications_are_nobodys() {
    let site = TestGateway::with(|config| {
        let acme = &mut config["issuers"][0];
        acme["cookie_name"] = json!("__session");
        acme["cookie_format"] = json!("clerk");
        acme["cookie_path"] = json!("/");
        config["logout"] = json!({ "clear_issuer_cookie": true });
        config["login_url"] = json!("https://id.test/login");
    })
    .await;
    let own = site.acme.token().sign();
    let foreign = site.acme.token().claim("iss", "https://elsewhere.test");
    let foreign = foreign.foreign().sign();
    let page = [
        ("Accept", "text/html"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    let of_other = format!("__session={foreign}; __session_aaaa={foreign}");
    let of_both = format!("{of_other}; __session_bbbb={own}");
    let broken = site.acme.token().forged_by(&Key::p256("acme-1")).sign();
    let broken = format!("__session={broken}");
    for (cookie, path, status) in [
        (&*of_other, "/optional", 200),
        (&*of_other, "/", 302),
        (&*of_both, "/", 200),
        // A token of ours that is none is no other application's.
        (&*broken, "/optional", 401),
    ] {
        let fields = [&page[..], &[("Cookie", cookie)]].concat();
        let answer = site.gateway.get(path, &fields).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.text());
    }
    let page = format!("http://{}", site.gateway.public);
    let fields = [("Cookie", &*of_both), ("Origin", &*page)];
    let logout = site.gateway.request("POST", "/_vestibule/logout", &fields);
    let gone = logout.await.all("set-cookie");
    let deletes = |name: &str| {
        gone.iter()
            .any(|field| field.starts_with(&format!("{name}=;")))
    };
    assert!(deletes("__session_bbbb"), "{gone:?}");
    assert!(
        !deletes("__session_aaaa") && !deletes("__session"),
        "{gone:?}"
    );
}
