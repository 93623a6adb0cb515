//! The question before an act that cannot be taken back.
//!
//! The form of such an act is sent twice. First it is answered with a page that says what the act does; the form
//! on that page repeats every field and adds that the operator agrees. The script shows the same page as a dialog.

use askama::Template;
use axum::Form;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::{Frame, page};
use crate::admin::browser::DashboardUser;

/// The form of an act that cannot be taken back.
pub(super) struct Destructive<T> {
    pub(super) sent: T,
    /// Everything that was sent, for the form of the question.
    fields: Vec<(String, String)>,
}

/// What is asked before the act.
pub(super) struct Question {
    /// The address of the menu's entry that the act belongs to.
    pub(super) section: &'static str,
    /// The question itself.
    pub(super) title: String,
    /// What the act does, in sentences.
    pub(super) effect: String,
    /// What the button says.
    pub(super) verb: &'static str,
    /// The page to return to without the act.
    pub(super) back: String,
}

#[derive(Template)]
#[template(path = "dashboard/confirm.html")]
struct Page {
    frame: Frame,
    effect: String,
    verb: &'static str,
    back: String,
    fields: Vec<(String, String)>,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Destructive<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let whole = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(whole, state)
            .await
            .map_err(IntoResponse::into_response)?;
        let again = || Request::from_parts(parts.clone(), Body::from(body.clone()));
        let fields = Form::<Vec<(String, String)>>::from_request(again(), state)
            .await
            .map_err(IntoResponse::into_response)?;
        let sent = Form::<T>::from_request(again(), state)
            .await
            .map_err(IntoResponse::into_response)?;
        Ok(Self {
            sent: sent.0,
            fields: fields.0,
        })
    }
}

impl<T> Destructive<T> {
    /// Whether the operator agreed to the question.
    pub(super) fn is_confirmed(&self) -> bool {
        let agreed = |(name, value): &(String, String)| name == CONFIRMED && value == "true";
        self.fields.iter().any(agreed)
    }

    /// The page with the question, whose form leads to the address that this one was sent to.
    pub(super) fn ask(self, dashboard_user: DashboardUser, question: Question) -> Response {
        let mut fields = self.fields;
        fields.retain(|(name, _)| name != CONFIRMED);
        page(&Page {
            frame: Frame::new(question.section, question.title, dashboard_user),
            effect: question.effect,
            verb: question.verb,
            back: question.back,
            fields,
        })
    }
}

/// The field that says that the operator agrees.
pub(super) const CONFIRMED: &str = "confirmed";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// A button that looks dangerous asks first.
    #[test]
    fn every_button_of_a_destructive_act_asks() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/dashboard");
        let mut seen = 0;
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            for button in text.split("<button").skip(1) {
                let tag = button.split('>').next().unwrap();
                if tag.contains("class=\"danger\"") {
                    seen += 1;
                    assert!(tag.contains("data-asks"), "{}: {tag}", path.display());
                }
            }
        }
        assert!(seen > 10, "{seen} buttons");
    }
}
