//! What every page says of the gateway and of the form before it.

use axum::http::Uri;

use crate::admin::AdminState;
use crate::admin::browser::Visit;
use crate::admin::notice::{self, Notice};

/// Of the page at an address.
pub(super) fn visit(state: &AdminState, address: &Uri) -> Visit {
    let view = state.live_config.view();
    let public_url = view.config.public_url.as_str();
    let host = public_url.split_once("://");
    Visit {
        gateway: host.map_or(public_url, |(_, host)| host).into(),
        environment: state.exchange().minter().environment_id,
        notice: Notice::in_query(address.query()),
        address: notice::dismissed(address.path(), address.query()),
    }
}
