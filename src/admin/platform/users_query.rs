//! Which users the platform's clients ask for.

use axum::http::StatusCode;
use url::form_urlencoded;
use uuid::Uuid;

use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::users::{self, Search};
use crate::diagnostic::Diagnostic;
use crate::store::{Email, Page, PageRequest, User, UserFilter};

/// The query of a list of users.
#[derive(Debug)]
pub struct UsersQuery {
    column: Column,
    value: String,
    limit: usize,
    offset: usize,
    cursor: Option<String>,
    /// Whether each user is listed with the newest sessions.
    pub includes_sessions: bool,
}

#[derive(Clone, Copy, Debug)]
enum Column {
    All,
    Id,
    Email,
    ExternalId,
}

impl UsersQuery {
    /// From the text of a query.
    ///
    /// # Errors
    ///
    /// A number is none, or something is asked for that no index has.
    pub fn read(query: &str) -> Result<Self, ApiError> {
        let mut read = Self {
            column: Column::All,
            value: String::new(),
            limit: DEFAULT_LIMIT,
            offset: 0,
            cursor: None,
            includes_sessions: false,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "filter[filterColumn]" => read.column = column(&value)?,
                "filter[filterValue]" => read.value = value.into_owned(),
                "limit" => read.limit = number(&name, &value)?,
                "offset" => read.offset = number(&name, &value)?,
                "cursor" => read.cursor = Some(value.into_owned()).filter(|it| !it.is_empty()),
                "includeSessions" => read.includes_sessions = value == "true",
                _ => return Err(unsupported(&name, "is not supported")),
            }
        }
        if read.offset > MOST_OFFSET {
            return Err(unsupported("offset", "is at most 10000; use `cursor`"));
        }
        let most = match read.includes_sessions {
            true => MOST_WITH_SESSIONS,
            false => PageRequest::MAX,
        };
        read.limit = read.limit.clamp(1, most);
        Ok(read)
    }

    /// The users that it asks for.
    ///
    /// # Errors
    ///
    /// The cursor is none, or the store does not answer.
    pub async fn find(&self, state: &AdminState) -> Result<Page<User>, ApiError> {
        let mut page = PageRequest {
            after: self.cursor.clone(),
            limit: self.limit,
        };
        let mut left_out = self.offset;
        while left_out > 0 {
            page.limit = left_out.min(PageRequest::MAX);
            let skipped = self.part(state, page.clone()).await?;
            left_out -= skipped.items.len().min(left_out);
            page.after = skipped.next;
            if page.after.is_none() {
                return Ok(Page {
                    items: Vec::new(),
                    next: None,
                });
            }
        }
        page.limit = self.limit;
        self.part(state, page).await
    }

    async fn part(&self, state: &AdminState, page: PageRequest) -> Result<Page<User>, ApiError> {
        let value = self.value.trim();
        let filter = match self.column {
            Column::All => {
                let search = Search {
                    q: Some(value.to_owned()),
                    after: page.after,
                    limit: Some(page.limit),
                };
                return users::find(state, search).await;
            }
            Column::Id => {
                let id = value.parse::<Uuid>().ok();
                let found = match id {
                    Some(id) => state.store.user(id).await?,
                    None => None,
                };
                return Ok(Page {
                    items: found.into_iter().collect(),
                    next: None,
                });
            }
            Column::Email => UserFilter::Email(value.to_owned()),
            Column::ExternalId => UserFilter::ExternalId(value.to_owned()),
        };
        Ok(state.store.users(filter, page).await?)
    }
}

/// Who holds an address, of those whom this issuer knows.
///
/// # Errors
///
/// The store does not answer.
pub async fn by_email(
    state: &AdminState,
    iss: &str,
    email: Option<&Email>,
) -> Result<Option<User>, ApiError> {
    let Some(email) = email else { return Ok(None) };
    let filter = UserFilter::Email(email.as_str().to_owned());
    let page = state.store.users(filter, PageRequest::first(1)).await?;
    let is_known = |user: &User| user.credentials.iter().any(|held| held.iss == iss);
    Ok(page.items.into_iter().next().filter(is_known))
}

fn column(name: &str) -> Result<Column, ApiError> {
    match name {
        "all" => Ok(Column::All),
        "id" => Ok(Column::Id),
        "email" => Ok(Column::Email),
        "accountId" | "externalUserId" => Ok(Column::ExternalId),
        _ => Err(unsupported(
            "filter[filterColumn]",
            "can be `all`, `id`, `email` or `accountId`",
        )),
    }
}

fn number(name: &str, value: &str) -> Result<usize, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::bad_request(format!("`{name}` is not a number")))
}

fn unsupported(name: &str, why: &str) -> ApiError {
    ApiError {
        problems: vec![Diagnostic::error(name, why)],
        ..ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unprocessable",
            format!("`{name}` {why}"),
        )
    }
}

const DEFAULT_LIMIT: usize = 50;
/// Each user's sessions are another question to the store.
const MOST_WITH_SESSIONS: usize = 100;
/// What is left out is read nevertheless.
const MOST_OFFSET: usize = 10_000;
