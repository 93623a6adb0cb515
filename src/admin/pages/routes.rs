//! Routes and upstreams, as the running configuration has them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{Frame, page};
use crate::admin::AdminState;
use crate::admin::browser::Visitor;
use crate::config::Access;
use crate::route::Route;
use crate::upstream::Upstream;

#[derive(Template)]
#[template(path = "dashboard/routes.html")]
struct Page {
    frame: Frame,
    routes: Vec<Arc<Route>>,
    upstreams: Vec<Arc<Upstream>>,
}

impl Page {
    fn access(&self, route: &Route) -> &'static str {
        match route.access {
            Access::Required => "required",
            Access::Optional => "optional",
            Access::None => "none",
        }
    }

    /// Whether a request sent now would find a server.
    fn is_up(&self, upstream: &Upstream) -> bool {
        upstream.pick_for(None, &[]).is_some()
    }

    fn servers(&self, upstream: &Upstream) -> String {
        let addresses = upstream.addresses().into_iter();
        let addresses = addresses.map(|address| address.to_string());
        addresses.collect::<Vec<_>>().join(", ")
    }
}

/// `GET /dashboard/routes`.
pub(super) async fn show(State(state): State<AdminState>, visitor: Visitor) -> Response {
    let site = state.site.load();
    let mut routes: Vec<_> = site.routes.routes().into_iter().cloned().collect();
    routes.sort_by(|one, other| one.name.cmp(&other.name));
    page(&Page {
        frame: Frame::new("Routes and upstreams", visitor),
        routes,
        upstreams: site.upstreams().cloned().collect(),
    })
}
