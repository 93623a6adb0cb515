//! Sessions, the newest first: those that are open, or all, of one user or issuer.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::confirm::{Destructive, Question};
use super::people::People;
use super::session_view::{SessionView, any_open};
use super::{Frame, SESSIONS, USERS, ago, done, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::admin::sessions::{self, Search, SessionState};

#[derive(Template)]
#[template(path = "dashboard/sessions.html")]
struct Page {
    frame: Frame,
    sessions: Vec<SessionView>,
    /// Whether sessions that are over are listed, too.
    all: bool,
    /// The name of the only issuer whose sessions are listed; empty for all.
    issuer: String,
    /// The names of the issuers that there are.
    issuers: Vec<String>,
    /// The only user whose sessions are listed; `None` for all.
    user: Option<Uuid>,
    next: Option<String>,
    /// Where forms about a session lead back to.
    back: String,
}

impl Page {
    /// The address of the same list with open sessions only.
    fn open_ones(&self) -> String {
        address(false, &self.issuer, self.user)
    }

    /// The address of the same list with those that are over.
    fn all_ones(&self) -> String {
        address(true, &self.issuer, self.user)
    }

    /// Whether sessions that were not looked at may match.
    fn has_more(&self) -> bool {
        self.next.is_some()
    }
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    all: bool,
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    user: Option<Uuid>,
    #[serde(default)]
    after: Option<String>,
}

/// A form about a session, and the page that it is on.
#[derive(Deserialize)]
pub(super) struct Revoke {
    csrf: String,
    #[serde(default)]
    back: String,
}

/// `GET /dashboard/sessions`.
pub(super) async fn list(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    ValidQuery(which): ValidQuery<Which>,
) -> Result<Response, ApiError> {
    let Which {
        all,
        issuer,
        user,
        after,
    } = which;
    let search = Search {
        user,
        state: (!all).then_some(SessionState::Open),
        issuer: Some(issuer.clone()).filter(|issuer| !issuer.is_empty()),
        after,
        ..Search::default()
    };
    let found = sessions::find(&state, search).await?;
    let issuers = state.issuers();
    let title = match user {
        Some(id) => format!("Sessions of {}", name_of(&state, id).await),
        None => "Sessions".to_owned(),
    };
    Ok(page(&Page {
        frame: Frame::new(SESSIONS, title, dashboard_user),
        sessions: SessionView::all(&state, found.sessions).await,
        back: address(all, &issuer, user),
        all,
        user,
        issuer,
        issuers: issuers
            .iter()
            .map(|issuer| issuer.name().to_string())
            .collect(),
        next: found.next,
    }))
}

/// `POST /dashboard/sessions/{sid}/revoke`.
pub(super) async fn revoke(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(sid): Path<Uuid>,
    form: Destructive<Revoke>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    let back = back(&form.sent.back);
    if !form.is_confirmed() {
        let user = sessions::one(&state, sid).await?.user_id;
        let name = name_of(&state, user).await;
        let title = format!("End this session of {name}?");
        let question = about(title, "Revoke the session", back);
        return Ok(form.ask(dashboard_user, question));
    }
    sessions::end(&state, &dashboard_user.operator, sid).await?;
    Ok(done(&back, "ended"))
}

/// `POST /dashboard/sessions/revoke`: all that are ticked.
pub(super) async fn revoke_selected(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    form: Destructive<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let value = |name: &str| {
        let found = form.sent.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    dashboard_user.check(value("csrf"))?;
    let ticked = form.sent.iter().filter(|(name, _)| name == "sid");
    let sids = ticked.map(|(_, sid)| sid.parse::<Uuid>());
    let sids: Vec<Uuid> = sids
        .collect::<Result<_, _>>()
        .map_err(|_| ApiError::bad_request("a session id is not valid"))?;
    if sids.len() > MOST_SELECTED {
        return Err(ApiError::bad_request("too many sessions at once"));
    }
    let back = back(value("back"));
    if sids.is_empty() {
        return Ok(done(&back, "none-selected"));
    }
    if !form.is_confirmed() {
        let title = match sids.len() {
            1 => "End 1 session?".to_owned(),
            count => format!("End {count} sessions?"),
        };
        let question = about(title, "Revoke the selected sessions", back);
        return Ok(form.ask(dashboard_user, question));
    }
    for sid in sids {
        match sessions::end(&state, &dashboard_user.operator, sid).await {
            // It is gone since the page was shown: the others end all the same.
            Err(fault) if fault.status == StatusCode::NOT_FOUND => {}
            ended => drop(ended?),
        }
    }
    Ok(done(&back, "selected-ended"))
}

/// What pages call a user.
async fn name_of(state: &AdminState, user: Uuid) -> String {
    People::of(state, [user]).await.person(&user).name
}

/// The address of a list of sessions.
pub(super) fn address(all: bool, issuer: &str, user: Option<Uuid>) -> String {
    let user = user.map_or(String::new(), |user| format!("&user={user}"));
    format!("{SESSIONS}?all={all}&issuer={}{user}", encoded(issuer))
}

/// A question about sessions.
fn about(title: String, verb: &'static str, back: String) -> Question {
    Question {
        section: SESSIONS,
        title,
        effect: "Requests are refused from now on, until the person signs in again.".to_owned(),
        verb,
        back,
    }
}

/// The page that a form says it is on, if it has such forms: never an address of elsewhere.
fn back(sent: &str) -> String {
    let is_query = |rest: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=&%-._~".contains(&byte);
        rest.strip_prefix('?')
            .is_some_and(|query| query.bytes().all(plain))
    };
    let of_list = sent.strip_prefix(SESSIONS);
    if of_list.is_some_and(|rest| rest.is_empty() || is_query(rest)) {
        return sent.to_owned();
    }
    let of_user = sent
        .strip_prefix(USERS)
        .and_then(|rest| rest.strip_prefix('/'));
    match of_user.and_then(|id| id.parse::<Uuid>().ok()) {
        Some(id) => format!("{USERS}/{id}"),
        None => SESSIONS.to_owned(),
    }
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Sessions that one form may end: as many as two pages list.
const MOST_SELECTED: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::access::Operator;
    use crate::admin::browser::Visit;

    fn nobody() -> DashboardUser {
        DashboardUser {
            operator: Operator::local(),
            csrf: String::new(),
            logged_in: false,
            visit: Visit::default(),
        }
    }

    #[test]
    fn a_form_leads_back_to_its_page_and_nowhere_else() {
        let user = format!("{USERS}/{}", Uuid::from_u128(7));
        let of_user = address(true, "a-b", Some(Uuid::from_u128(7)));
        for own in [SESSIONS, &of_user, &user] {
            assert_eq!(back(own), own);
        }
        for foreign in [
            "",
            "//evil.example",
            "https://evil.example",
            "/dashboard/sessionsevil",
            "/dashboard/sessions?a=b\r\nSet-Cookie: a",
            "/dashboard/users/../logout",
        ] {
            assert_eq!(back(foreign), SESSIONS, "{foreign}");
        }
    }

    /// What was searched in vain may be on the next page.
    #[test]
    fn a_page_without_sessions_says_whether_older_ones_may_match() {
        for (next, said) in [(None, "No sessions."), (Some("x"), "older ones may")] {
            let page = Page {
                frame: Frame::new(SESSIONS, "Sessions", nobody()),
                sessions: Vec::new(),
                all: false,
                issuer: String::new(),
                issuers: Vec::new(),
                user: None,
                next: next.map(str::to_owned),
                back: SESSIONS.to_owned(),
            };
            let text = page.render().unwrap();
            assert!(text.contains(said), "{text}");
            assert_eq!(text.contains("Older sessions"), next.is_some());
        }
    }
}
