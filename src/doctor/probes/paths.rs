//! Does a spelling of the protected path get past its guard? None of these has a credential.

use crate::doctor::catalogue::{
    Kind, METHOD_BYPASS, PATH_ABSOLUTE, PATH_BACKSLASH, PATH_CASE, PATH_DOTS, PATH_ENCODED,
    PATH_ENCODED_SLASH, PATH_FRAGMENT, PATH_MATRIX, PATH_SLASHES, PATH_SUFFIX,
};
use crate::doctor::probe::{Probe, quoted};
use crate::doctor::request::Request;
use crate::doctor::site::Site;

/// The spellings of the path, and the other methods.
pub(super) fn probes(site: &Site) -> Vec<Probe> {
    let path = site.protected.as_str();
    let host = site.target.authority.as_str();
    let has_echo = site.has_echo();
    let mut probes: Vec<_> = spellings(path)
        .into_iter()
        .filter(|(_, spelled)| spelled != path)
        .map(|(kind, spelled)| Probe::passes(kind, Request::new("GET", &spelled, host), has_echo))
        .collect();
    let absolute = format!("http://{host}{path}");
    probes.push(Probe::passes(
        &PATH_ABSOLUTE,
        Request::new("GET", &absolute, host),
        has_echo,
    ));
    // Without an echo server, an answer to these says nothing of who gave it.
    if has_echo {
        for method in ["HEAD", "OPTIONS", "get", "DOCTOR"] {
            let request = Request::new(method, path, host);
            probes.push(Probe::on_arrival(&METHOD_BYPASS, request, |seen| {
                Some(quoted(&seen.line))
            }));
        }
    }
    probes
}

fn spellings(path: &str) -> Vec<(&'static Kind, String)> {
    let rest = path.strip_prefix('/').unwrap_or(path);
    let upper = path.to_uppercase();
    let capital = {
        let mut letters = rest.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        format!(
            "/{}{}",
            first.map(String::from).unwrap_or_default(),
            letters.as_str()
        )
    };
    let first = rest.bytes().next().unwrap_or(b'/');
    let encoded = format!("/%{first:02x}{}", rest.get(1..).unwrap_or_default());
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", rest));
    vec![
        (&PATH_CASE, upper),
        (&PATH_CASE, capital),
        (&PATH_ENCODED, encoded),
        (&PATH_DOTS, format!("/doctor/..{path}")),
        (&PATH_DOTS, format!("/doctor/%2e%2e{path}")),
        (&PATH_DOTS, format!("/.{path}")),
        (&PATH_DOTS, format!("{path}/./")),
        (&PATH_DOTS, format!("/doctor/..;{path}")),
        (&PATH_SLASHES, format!("/{path}")),
        (&PATH_SLASHES, format!("{parent}//{last}")),
        (&PATH_MATRIX, format!("{path};doctor=1")),
        (&PATH_MATRIX, format!("/;doctor=1{path}")),
        (&PATH_BACKSLASH, format!("/doctor\\..\\{rest}")),
        (&PATH_BACKSLASH, format!("/\\{rest}")),
        (&PATH_BACKSLASH, format!("/doctor%5c..%5c{rest}")),
        (&PATH_ENCODED_SLASH, format!("{parent}%2f{last}")),
        (&PATH_ENCODED_SLASH, format!("/doctor%2f..%2f{rest}")),
        (&PATH_SUFFIX, format!("{path}/")),
        (&PATH_SUFFIX, format!("{path}.")),
        (&PATH_SUFFIX, format!("{path}%20")),
        (&PATH_SUFFIX, format!("{path}%00")),
        (&PATH_SUFFIX, format!("{path}%09")),
        (&PATH_SUFFIX, format!("{path}.json")),
        (&PATH_SUFFIX, format!("{path}%3f")),
        (&PATH_FRAGMENT, format!("{path}#doctor")),
        (&PATH_FRAGMENT, format!("/doctor#/..{path}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_is_the_path_itself() {
        for path in ["/admin", "/api/v1/users", "/a"] {
            let own = spellings(path);
            assert_eq!(
                own.iter().filter(|(_, spelled)| spelled == path).count(),
                0,
                "{path}"
            );
        }
        let spelled: Vec<_> = spellings("/admin")
            .into_iter()
            .map(|(_, path)| path)
            .collect();
        for expected in [
            "/ADMIN",
            "/Admin",
            "/%61dmin",
            "//admin",
            "%2fadmin",
            "/admin;doctor=1",
        ] {
            assert!(spelled.iter().any(|one| one == expected), "{expected}");
        }
    }
}
