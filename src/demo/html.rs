//! Pages of the demo: plain HTML that loads nothing.

/// Text escaped for HTML content and for quoted attribute values.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A whole document. `title` is text, `body` is HTML.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
}

/// The value of `Content-Security-Policy` (CSP 3) for a page whose forms end at `origins`, a
/// space-separated list. Browsers apply `form-action` to a form's redirects too.
pub(super) fn policy(origins: &str) -> String {
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
         frame-ancestors 'none'; form-action {origins}"
    )
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem}pre{background:#f3f3f3;padding:1rem;white-space:pre-wrap;\
    overflow-wrap:anywhere}label{display:block;margin:.5rem 0}form{margin:.5rem 0}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_html_reads() {
        assert_eq!(
            escape(r#"<script a="b" c='d'>&amp;"#),
            "&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;amp;"
        );
        assert_eq!(escape("Ada Löve"), "Ada Löve");
    }

    #[test]
    fn a_title_is_text() {
        assert!(page("a<b", "").contains("<title>a&lt;b</title>"));
    }
}
