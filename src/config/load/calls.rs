//! Whether calls of MCP can satisfy what the configuration asks of them.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::route::settings::Access;
use crate::session::settings::BASIC;

/// Checks `routes[].mcp`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (number, route) in config.routes.iter().enumerate() {
        let Some(mcp) = &route.mcp else {
            continue;
        };
        let at = format!("routes[{number}].mcp");
        if route.auth != Access::Required {
            let message = "rules on calls require a session: set `auth: required`";
            found.push(Diagnostic::error(at.clone(), message));
        }
        if mcp.content_size.as_u64() == 0 {
            let message = "must be greater than zero";
            found.push(Diagnostic::error(format!("{at}.content_size"), message));
        }
        for (place, call) in mcp.calls.iter().enumerate() {
            let at = format!("{at}.calls[{place}]");
            if call.method.is_empty() || call.method.contains('*') {
                let message = "one method, such as `tools/call`; it is compared as it is";
                found.push(Diagnostic::error(format!("{at}.method"), message));
            }
            for (place, name) in call.names.iter().enumerate() {
                let inner = name.strip_suffix('*').unwrap_or(name);
                if name.is_empty() || inner.contains('*') {
                    let message = "a name, or the beginning of some with `*` at the end";
                    let path = format!("{at}.names[{place}]");
                    found.push(Diagnostic::error(path, message));
                }
            }
            for (place, scope) in call.scopes.iter().enumerate() {
                if scope != BASIC && !config.session.scopes.contains(scope) {
                    let message = "no session has this scope: it is not in `session.scopes`";
                    let path = format!("{at}.scopes[{place}]");
                    found.push(Diagnostic::error(path, message));
                }
            }
        }
    }
    found
}
