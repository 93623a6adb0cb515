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
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
}

/// The value of `Content-Security-Policy` (CSP 3) for a page whose forms end at `forms`, that shows
/// pages of `frames`, and that pages of `ancestors` show: lists separated by spaces. Browsers apply
/// `form-action` to a form's redirects too.
pub(super) fn policy(forms: &str, frames: &str, ancestors: &str) -> String {
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
         frame-src {frames}; frame-ancestors {ancestors}; form-action {forms}"
    )
}

/// No origin at all.
pub(super) const NOBODY: &str = "'none'";

const STYLE: &str = "\
:root{--ground:#f5f6f9;--card:#fff;--text:#171a21;--quiet:#545b6a;--line:#dde1e9;--accent:#2f55c8;\
--on-accent:#fff;--good:#0d6b35;--warn:#7a4a00}\
@media(prefers-color-scheme:dark){:root{--ground:#0f1217;--card:#171b22;--text:#e8ebf1;\
--quiet:#a3abba;--line:#2b313c;--accent:#8fabff;--on-accent:#10151f;--good:#74d49a;--warn:#f0bd62}}\
*{box-sizing:border-box}body{margin:0;font:1rem/1.55 system-ui,sans-serif;color:var(--text);\
background:var(--ground)}main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 3rem}\
h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.0625rem;margin:0 0 .5rem}p{margin:0 0 .75rem}\
a{color:var(--accent)}.quiet{color:var(--quiet);font-size:.875rem}\
.bar{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;align-items:center;margin:0 0 1.5rem;\
padding:0 0 .75rem;border-bottom:1px solid var(--line)}.bar strong{margin-right:auto}\
.good{color:var(--good)}.warn{color:var(--warn)}\
.pair{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));\
margin:1rem 0}\
.card{min-width:0;background:var(--card);border:1px solid var(--line);border-radius:.75rem;\
padding:1rem 1.25rem;margin:0 0 1rem}.pair .card{margin:0}.card>:last-child{margin-bottom:0}\
.narrow{max-width:28rem;margin:0 auto}\
pre{font:.8125rem/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}\
code{font:.875em ui-monospace,monospace}iframe{display:block;width:100%;height:24rem;border:0}\
body:has(.sent){background:var(--card)}main:has(.sent){padding:0}\
label{display:block;margin:0 0 .75rem}input:not([type=checkbox]):not([type=hidden]){display:block;\
width:100%;font:inherit;color:inherit;background:var(--card);border:1px solid var(--quiet);\
border-radius:.5rem;padding:.5rem .625rem}form{margin:0 0 .5rem}\
button,.button{display:inline-block;font:inherit;font-weight:550;padding:.5rem 1rem;\
border:1px solid var(--accent);border-radius:.5rem;background:var(--accent);\
color:var(--on-accent);text-decoration:none;cursor:pointer}\
.other{background:var(--card);color:var(--text);border-color:var(--quiet)}";

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
