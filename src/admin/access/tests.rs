use axum::http::Method;

use super::*;
use crate::operator::Role;
use crate::store::TestStore;

fn access() -> Access {
    let store = TestStore::new().store();
    let metrics = Metrics::new().unwrap();
    Access::new(&AdminSettings::default(), store, &metrics)
}

#[test]
fn whoever_looks_may_be_a_viewer_and_the_rest_is_for_admins() {
    for (method, route) in [
        (Method::GET, "/admin/api/users"),
        (Method::GET, "/metrics"),
        (Method::POST, "/admin/api/token/test"),
        (Method::POST, "/dashboard/logout"),
    ] {
        assert_eq!(role_for(&method, route), Role::Viewer, "{method} {route}");
    }
    for (method, route) in [
        (Method::POST, "/admin/api/keys/rotate"),
        (Method::PUT, "/admin/api/issuers/{name}/enabled"),
        (Method::DELETE, "/admin/api/users/{id}"),
        (Method::POST, "/admin/api/something/new"),
        (Method::POST, ""),
    ] {
        assert_eq!(role_for(&method, route), Role::Admin, "{method} {route}");
    }
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| ((*name).try_into().unwrap(), value.parse().unwrap()))
        .collect()
}

#[test]
fn a_scheme_has_no_letter_case() {
    for (field, token) in [
        ("Bearer a", Some("a")),
        ("bearer a", Some("a")),
        ("BEARER a", Some("a")),
        ("Bearer ", Some("")),
        ("Bearer", None),
        ("Bearera", None),
        ("Basic a", None),
    ] {
        assert_eq!(
            bearer(field.as_bytes()),
            token.map(str::as_bytes),
            "{field}"
        );
    }
}

#[test]
fn only_names_of_this_machine_are_answered_without_a_token() {
    for host in [
        "127.0.0.1:9901",
        "127.0.0.1:1",
        "127.0.0.1",
        "[::1]:9901",
        "localhost",
        "LOCALHOST:9901",
    ] {
        assert_eq!(
            access().check_host(&headers(&[("host", host)])),
            Ok(()),
            "{host}"
        );
    }
    for host in [
        "rebound.example:9901",
        "localhost.example",
        "127.0.0.1.example:9901",
        "10.0.0.1:9901",
        "",
    ] {
        let refused = access()
            .check_host(&headers(&[("host", host)]))
            .unwrap_err();
        assert_eq!(refused.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    assert!(access().check_host(&HeaderMap::new()).is_err());
}

#[test]
fn pages_of_other_origins_are_told_by_either_field() {
    let host = ("host", "localhost:9901");
    for fields in [
        vec![host],
        vec![host, ("origin", "http://localhost:9901")],
        vec![host, ("sec-fetch-site", "same-origin")],
        vec![host, ("origin", "null"), ("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(check_same_origin(&headers(&fields)), Ok(()), "{fields:?}");
    }
    for field in [
        ("origin", "http://localhost:8080"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "none"),
    ] {
        assert!(
            check_same_origin(&headers(&[host, field])).is_err(),
            "{field:?}"
        );
    }
    let both = [host, ("origin", "null"), ("sec-fetch-site", "cross-site")];
    assert!(check_same_origin(&headers(&both)).is_err());
}

#[tokio::test]
async fn the_pause_after_a_wrong_token_holds_although_its_client_hangs_up() {
    let (access, headers) = (access(), HeaderMap::new());
    let guess = async || {
        let found = access.holder(b"guess", None, &headers).await;
        found.map(|_| ()).unwrap_err().status
    };
    let mut hung_up = Box::pin(guess());
    assert!(futures::poll!(hung_up.as_mut()).is_pending());
    drop(hung_up);
    assert_eq!(guess().await, StatusCode::TOO_MANY_REQUESTS);
    drop(access.wrong.acquire().await.unwrap());
    assert_eq!(guess().await, StatusCode::UNAUTHORIZED);
}
