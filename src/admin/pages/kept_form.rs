//! A form of somebody who has to log in first. The browser keeps it, and sends it again once its sender says so.
//!
//! A session of the dashboard ends after an hour at the latest, whatever is being typed, and a form belongs to the session
//! that it was loaded in. So the login page that answers such a form has all of it in hidden fields. After the login, a
//! page shows what was entered, with a button that sends it. Until then nothing is done: who logs in may be somebody
//! else. Nothing is kept at the gateway.

use askama::Template;
use axum::http::Uri;
use axum::response::Response;
use url::form_urlencoded;

use super::confirm::CONFIRMED;
use super::frame::{Frame, section_of};
use super::{page, return_path};
use crate::admin::browser::DashboardUser;

/// What was sent, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptForm {
    /// The address of the dashboard that it was sent to.
    pub(super) address: String,
    /// Its fields, as forms encode them.
    pub(super) encoded: String,
}

#[derive(Template)]
#[template(path = "dashboard/kept_form.html")]
struct Page {
    frame: Frame,
    address: String,
    fields: Vec<(String, String)>,
}

impl Page {
    /// What people entered: neither what is empty nor what their page remembered.
    fn entered(&self) -> impl Iterator<Item = &(String, String)> {
        let fields = self.fields.iter();
        fields.filter(|(name, value)| name != VERSION && !value.trim().is_empty())
    }
}

impl KeptForm {
    /// The form of a request, by its address and its body.
    pub(super) fn of(address: &Uri, body: &[u8]) -> Option<Self> {
        Self::new(address.path_and_query()?.as_str(), body)
    }

    /// A form that was sent to that address. `None`: it is for no page of the dashboard, or too long.
    pub(super) fn new(address: &str, body: &[u8]) -> Option<Self> {
        let encoded = std::str::from_utf8(body).ok()?;
        (encoded.len() <= LONGEST).then_some(Self {
            address: return_path::checked(address)?.to_owned(),
            encoded: encoded.to_owned(),
        })
    }

    /// The page that asks whether to send it, with all of it but what the page that it is from had of its own.
    pub(super) fn offer(self, dashboard_user: DashboardUser) -> Response {
        let fields = form_urlencoded::parse(self.encoded.as_bytes()).into_owned();
        let fields = fields.filter(|(name, _)| !OF_PAGE.contains(&name.as_str()));
        page(&Page {
            frame: Frame::new(
                section_of(&self.address),
                "Send the form again?",
                dashboard_user,
            ),
            fields: fields.collect(),
            address: self.address,
        })
    }
}

/// Bytes of a form that is kept: whoever has no session may send one.
pub(super) const LONGEST: usize = 64 * 1024;
/// Fields that the page of the question has of its own, or that are its answer.
const OF_PAGE: [&str; 2] = ["csrf", CONFIRMED];
const VERSION: &str = "version";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_form_of_the_dashboard_that_is_not_too_long_is_kept() {
        let body = "name=a%26b&csrf=1";
        let kept = KeptForm::new("/dashboard/tokens", body.as_bytes()).unwrap();
        assert_eq!(
            (&*kept.address, &*kept.encoded),
            ("/dashboard/tokens", body)
        );
        for address in [
            "",
            "//evil.example",
            "/dashboard/login",
            "/admin/api/tokens",
        ] {
            assert_eq!(KeptForm::new(address, body.as_bytes()), None, "{address}");
        }
        let at = |length| KeptForm::new("/dashboard/tokens", &vec![b'a'; length]);
        assert!(at(LONGEST).is_some() && at(LONGEST + 1).is_none());
        assert_eq!(KeptForm::new("/dashboard/tokens", b"\xff"), None);
    }
}
