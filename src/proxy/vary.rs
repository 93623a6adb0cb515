//! The `Vary` field of responses that depend on a credential.

use http::Method;
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, VARY};
use pingora::Result;
use pingora::http::ResponseHeader;

use super::list_field::lists;

/// The header fields in which requests present credentials.
#[derive(Debug)]
pub struct Varying {
    names: Vec<HeaderName>,
    value: HeaderValue,
}

impl Varying {
    /// Of these fields.
    pub fn new(names: Vec<HeaderName>) -> Self {
        let listed: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
        // Field names with commas between are a field value.
        let value = HeaderValue::from_str(&listed.join(", "));
        Self {
            value: value.unwrap_or(HeaderValue::from_static("*")),
            names,
        }
    }

    /// Tells caches that the response depends on the request's credential: a response for a user
    /// that says nothing about caching becomes private to the client, and any cached response is
    /// only for requests with the same credential.
    pub(super) fn mark(
        &self,
        response: &mut ResponseHeader,
        method: &Method,
        is_for_user: bool,
    ) -> Result<()> {
        if is_for_user && !response.headers.contains_key(CACHE_CONTROL) {
            response.insert_header(CACHE_CONTROL, "private")?;
        }
        if !matches!(*method, Method::GET | Method::HEAD)
            || lists(response, &CACHE_CONTROL, "no-store")
        {
            return Ok(());
        }
        if !response.headers.contains_key(VARY) {
            return response.insert_header(VARY, self.value.clone());
        }
        let missing: Vec<&str> = self
            .names
            .iter()
            .map(HeaderName::as_str)
            .filter(|name| !lists(response, &VARY, name))
            .collect();
        if missing.is_empty() || lists(response, &VARY, "*") {
            return Ok(());
        }
        response.append_header(VARY, missing.join(", ")).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, COOKIE};

    use super::*;

    fn response(status: u16, fields: &[(&'static str, &str)]) -> ResponseHeader {
        let mut response = ResponseHeader::build(status, None).unwrap();
        for (name, value) in fields {
            response.append_header(*name, *value).unwrap();
        }
        response
    }

    #[test]
    fn answers_vary_by_what_presents_a_credential() {
        let varying = Varying::new(vec![AUTHORIZATION, COOKIE]);
        for (has, expected) in [
            (&[][..], "authorization, cookie"),
            (
                &[("Vary", "Cookie, Origin")],
                "Cookie, Origin|authorization",
            ),
            (&[("Vary", "authorization,cookie")], "authorization,cookie"),
            (&[("Vary", "*")], "*"),
            (&[("Cache-Control", "no-store")], ""),
        ] {
            let mut response = response(200, has);
            varying.mark(&mut response, &Method::GET, false).unwrap();
            let fields = response.headers.get_all(VARY).iter();
            let fields: Vec<_> = fields.map(|field| field.to_str().unwrap()).collect();
            assert_eq!(fields.join("|"), expected, "{has:?}");
        }
        let mut posted = response(200, &[]);
        varying.mark(&mut posted, &Method::POST, true).unwrap();
        assert!(!posted.headers.contains_key(VARY));
    }

    #[test]
    fn what_was_made_for_a_user_is_private_unless_it_says() {
        let varying = Varying::new(vec![COOKIE]);
        for (has, for_user, expected) in [
            (None, true, Some("private")),
            (None, false, None),
            (Some("public, max-age=60"), true, Some("public, max-age=60")),
        ] {
            let field = has.map(|value| ("Cache-Control", value));
            let mut response = response(200, field.as_slice());
            varying.mark(&mut response, &Method::GET, for_user).unwrap();
            let found = response.headers.get(CACHE_CONTROL);
            assert_eq!(
                found.map(|field| field.to_str().unwrap()),
                expected,
                "{has:?}"
            );
        }
    }
}
