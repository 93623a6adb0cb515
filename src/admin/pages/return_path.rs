//! Where a login leads: back to the page that was asked for.

use axum::http::Method;
use axum::http::request::Parts;
use url::form_urlencoded;

use super::{LOGIN, OVERVIEW};
use crate::admin::notice;

/// The login page, which leads back to the page that a request asks for.
pub(super) fn login_for(request: &Parts) -> String {
    let address = notice::dismissed(request.uri.path(), request.uri.query());
    let page = checked(&address).filter(|page| *page != OVERVIEW);
    match page {
        Some(page) if request.method == Method::GET => {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair(NAME, page)
                .finish();
            format!("{LOGIN}?{query}")
        }
        _ => LOGIN.to_owned(),
    }
}

/// What the query of the login page says; empty if it names no page.
pub(super) fn in_query(query: Option<&str>) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let named = pairs.find(|(name, _)| name == NAME);
    let page = named.as_ref().and_then(|(_, page)| checked(page));
    page.unwrap_or_default().to_owned()
}

/// The page of the dashboard that an address is, without anything that a browser would read otherwise.
pub(super) fn checked(address: &str) -> Option<&str> {
    let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'\\';
    if address.len() > LONGEST_ADDRESS || !address.bytes().all(is_plain) {
        return None;
    }
    let path = address.split(['?', '#']).next()?;
    let below = path.strip_prefix(OVERVIEW)?;
    let mut segments = below.split('/');
    let is_root = segments.next() == Some("");
    let is_name = |segment: &str| {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        !matches!(&*dots, "" | "." | "..")
    };
    let is_page = is_root && segments.all(is_name) && !path.starts_with(LOGIN);
    is_page.then_some(address)
}

/// The parameter of the query, and the field of the forms.
const NAME: &str = "return_to";
/// Longer than browsers' address bars show.
const LONGEST_ADDRESS: usize = 2048;

#[cfg(test)]
mod tests {
    use axum::extract::Request;

    use super::*;

    #[test]
    fn only_a_page_of_the_dashboard_is_led_back_to() {
        for address in [
            "/dashboard",
            "/dashboard/users",
            "/dashboard/users?q=ada%40x.io&after=1",
            "/dashboard/external/issuer/a.b/edit#aud",
        ] {
            assert_eq!(checked(address), Some(address));
        }
        let long = format!("/dashboard/{}", "x".repeat(LONGEST_ADDRESS));
        for address in [
            "",
            "/",
            "/dashboards",
            "/dashboard/login",
            "/dashboard/login/session",
            "/dashboard//evil.example",
            "/dashboard/../open",
            "/dashboard/%2E%2e/open",
            "/dashboard/./users",
            "/dashboard\\users",
            "/dashboard/a b",
            "/dashboard/\r\nSet-Cookie: a=b",
            "//evil.example/dashboard",
            "https://evil.example/dashboard",
            &long,
        ] {
            assert_eq!(checked(address), None, "{address:?}");
        }
    }

    #[test]
    fn a_login_leads_back_to_what_was_asked_for() {
        let login = |method: Method, uri: &str| {
            let mut request = Request::new(());
            *request.method_mut() = method;
            *request.uri_mut() = uri.parse().unwrap();
            login_for(&request.into_parts().0)
        };
        let there = login(Method::GET, "/dashboard/users?q=a%26b&done=made");
        assert_eq!(
            there,
            "/dashboard/login?return_to=%2Fdashboard%2Fusers%3Fq%3Da%2526b"
        );
        let query = there.split_once('?').map(|(_, query)| query);
        assert_eq!(in_query(query), "/dashboard/users?q=a%26b");
        assert_eq!(in_query(Some("return_to=%2F%2Fevil.example")), "");
        assert_eq!(in_query(None), "");
        for (method, uri) in [
            (Method::GET, "/dashboard"),
            (Method::POST, "/dashboard/users"),
            (Method::GET, "/dashboard/../open"),
        ] {
            assert_eq!(login(method, uri), LOGIN, "{uri}");
        }
    }
}
