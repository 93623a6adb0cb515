//! Overview: what is degraded first, then the last hour, then what was counted since the start.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::chart::{Bars, Line};
use super::external::state_of_keys;
use super::{Frame, OVERVIEW, ahead, page};
use crate::admin::AdminState;
use crate::admin::browser::DashboardUser;
use crate::admin::history::Minute;
use crate::admin::issuers::{self, IssuerRow};
use crate::admin::overview::{self, Complaint, Overview, Severity};

#[derive(Template)]
#[template(path = "dashboard/overview.html")]
struct Page {
    frame: Frame,
    now: Overview,
    issuers: Vec<IssuerRow>,
}

impl Page {
    /// Whether there is nothing to complain of and nothing left to set up.
    fn is_well(&self) -> bool {
        self.now.complaints.is_empty() && self.now.first_steps.is_empty()
    }

    fn tone(&self, complaint: &Complaint) -> &'static str {
        match complaint.severity {
            Severity::Bad => "bad",
            Severity::Warning => "warn",
        }
    }

    fn severity(&self, complaint: &Complaint) -> &'static str {
        match complaint.severity {
            Severity::Bad => "requests fail",
            Severity::Warning => "warning",
        }
    }

    fn hit_ratio(&self) -> String {
        let percent = |ratio: f64| format!("{:.0} %", ratio * 100.0);
        self.now
            .cache_hit_ratio
            .map_or_else(|| "–".to_owned(), percent)
    }

    fn refused(&self) -> u64 {
        self.now.refusals.iter().map(|refusal| refusal.count).sum()
    }

    /// Which part of all refusals, in hundredths.
    fn share(&self, count: &u64) -> u64 {
        (count * 100).checked_div(self.refused()).unwrap_or(0)
    }

    fn bars(&self, value: fn(&Minute) -> u64) -> Bars {
        Bars::new(self.now.minutes.iter().map(value))
    }

    fn sign_ins(&self) -> Bars {
        self.bars(|minute| minute.sign_ins)
    }

    fn requests(&self) -> Bars {
        self.bars(|minute| minute.requests)
    }

    fn latency(&self) -> Line {
        let minutes = &self.now.minutes;
        Line::new([
            minutes.iter().map(|minute| minute.median).collect(),
            minutes.iter().map(|minute| minute.p95).collect(),
        ])
    }
}

/// `GET /dashboard`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Response {
    page(&Page {
        frame: Frame::new(OVERVIEW, "Overview", dashboard_user),
        now: overview::look(&state).await,
        issuers: issuers::rows(&state),
    })
}
