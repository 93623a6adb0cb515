//! Whether an answer of the gateway itself is for a person or for a program.

use http::HeaderValue;

/// Whether `Accept` (RFC 9110 section 12.5.1) names HTML, and JSON no sooner. Wildcards say
/// nothing: programs send them.
pub fn prefers_html<'a>(accept: impl IntoIterator<Item = &'a HeaderValue>) -> bool {
    let (mut html, mut json) = (0, 0);
    let fields = accept.into_iter().filter_map(|field| field.to_str().ok());
    for item in fields.flat_map(|field| field.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let quality = parts.find_map(quality).unwrap_or(BEST);
        let is_one_of = |known: &[&str]| known.iter().any(|name| range.eq_ignore_ascii_case(name));
        if is_one_of(&["text/html", "application/xhtml+xml"]) {
            html = html.max(quality);
        } else if is_one_of(&["application/json", "application/problem+json"]) {
            json = json.max(quality);
        }
    }
    html > 0 && html >= json
}

/// A weight in thousandths; what is no weight counts as none.
fn quality(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value: f32 = value.trim().parse().unwrap_or(0.0);
    let thousandths = (value * f32::from(BEST)).clamp(0.0, f32::from(BEST));
    // The bounds make the cast exact but for the fraction.
    Some(thousandths as u16)
}

const BEST: u16 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &str) -> bool {
        prefers_html([&HeaderValue::from_str(accept).unwrap()])
    }

    #[test]
    fn a_browser_does_and_a_program_does_not() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "TEXT/HTML",
            "application/json;q=0.5, text/html;q=0.6",
            "application/json, text/html",
        ] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/html;q=0",
            "text/html;q=x",
            "text/html;q=NaN",
            "text/html;level=1;q=0.4, application/problem+json;q=0.5",
            "text/htmlx",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_html([]));
    }
}
