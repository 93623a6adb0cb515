//! Overview: what is degraded first, then what was counted over a time, in figures and pictures.

use std::cmp::Ordering;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::chart::{self, Bars, Line, Part};
use super::external::state_of_keys;
use super::{Frame, OVERVIEW, ahead, page};
use crate::admin::AdminState;
use crate::admin::browser::DashboardUser;
use crate::admin::complaint::{Complaint, Severity};
use crate::admin::history::{Minute, Range};
use crate::admin::issuers::{self, IssuerRow};
use crate::admin::overview::{self, Overview};
use crate::admin::reason::explained;
use crate::clock::UnixTime;

#[derive(Template)]
#[template(path = "dashboard/overview.html")]
struct Page {
    frame: Frame,
    now: Overview,
    issuers: Vec<IssuerRow>,
    range: Range,
    steps: Vec<Minute>,
    /// Of the range, and of the same time before.
    totals: (Minute, Option<Minute>),
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

    fn title(&self, reason: &str) -> String {
        explained(reason).title
    }

    fn refused(&self) -> u64 {
        self.now.refusals.iter().map(|refusal| refusal.count).sum()
    }

    /// Which part of all refusals, in hundredths.
    fn share(&self, count: &u64) -> u64 {
        (count * 100).checked_div(self.refused()).unwrap_or(0)
    }

    fn sign_ins(&self) -> Bars {
        self.bars(&[("part", "sign-ins", |step| step.sign_ins)])
    }

    fn requests(&self) -> Bars {
        self.bars(&[
            ("part", "answered", |step| {
                step.requests
                    .saturating_sub(step.client_errors + step.server_errors)
            }),
            ("warn", "with 4xx", |step| step.client_errors),
            ("bad", "with 5xx", |step| step.server_errors),
        ])
    }

    fn bars(&self, parts: &[Part]) -> Bars {
        Bars::new(&self.steps, self.range, UnixTime::now(), parts)
    }

    fn latency(&self) -> Line {
        let series = [
            self.steps.iter().map(|step| step.median).collect(),
            self.steps.iter().map(|step| step.p95).collect(),
        ];
        Line::new(series, self.range, UnixTime::now())
    }

    fn ranges(&self) -> [Range; 3] {
        Range::ALL
    }

    /// The time that the pictures show, in words.
    fn period(&self) -> &'static str {
        match self.range {
            Range::Hour => "in the last hour",
            Range::Day => "in the last 24 hours",
            Range::Week => "in the last 7 days",
        }
    }

    /// The times along the bottom of the pictures.
    fn times(&self) -> Vec<String> {
        chart::times(self.range, UnixTime::now())
    }

    /// Whether there is anything to count yet: a gateway that is being set up shows its first steps alone.
    fn shows_figures(&self) -> bool {
        let (now, before) = &self.totals;
        let asked = |step: &Minute| step.requests > 0;
        self.now.first_steps.is_empty() || asked(now) || before.as_ref().is_some_and(asked)
    }

    fn step(&self) -> &'static str {
        match self.range {
            Range::Hour => "minute",
            Range::Day => "15 minutes",
            Range::Week => "2 hours",
        }
    }

    /// What was counted in the time, with what it is compared to the time before.
    fn figures(&self) -> Vec<(&'static str, u64, Option<String>)> {
        let (now, before) = &self.totals;
        let values: [(_, Count); 4] = [
            ("Requests", |step| step.requests),
            ("Refused", |step| step.refusals),
            ("Server errors", |step| step.server_errors),
            ("Sign-ins", |step| step.sign_ins),
        ];
        let figure = |(title, value): (&'static str, Count)| {
            let trend = before
                .as_ref()
                .and_then(|before| trend(value(now), value(before)));
            (title, value(now), trend)
        };
        values.map(figure).to_vec()
    }
}

/// What is counted of a minute.
type Count = fn(&Minute) -> u64;

/// How a count compares to an earlier one; nothing without one to compare to.
fn trend(now: u64, before: u64) -> Option<String> {
    let change = now
        .abs_diff(before)
        .saturating_mul(100)
        .checked_div(before)?;
    Some(match now.cmp(&before) {
        Ordering::Equal => "as before".to_owned(),
        Ordering::Greater => format!("▲ {change} %"),
        Ordering::Less => format!("▼ {change} %"),
    })
}

/// Which time the pictures show.
#[derive(Default, Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    range: Range,
}

/// `GET /dashboard`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Query(Shown { range }): Query<Shown>,
) -> Response {
    page(&Page {
        frame: Frame::new(OVERVIEW, "Overview", dashboard_user),
        now: overview::look(&state).await,
        issuers: issuers::rows(&state),
        range,
        steps: state.history.steps(&state.metrics, range),
        totals: state.history.totals(&state.metrics, range),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_needs_something_to_compare_with() {
        assert_eq!(trend(5, 0), None);
        assert_eq!(trend(5, 5).as_deref(), Some("as before"));
        assert_eq!(trend(15, 10).as_deref(), Some("▲ 50 %"));
        assert_eq!(trend(0, 10).as_deref(), Some("▼ 100 %"));
    }
}
