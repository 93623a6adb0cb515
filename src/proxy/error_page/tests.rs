use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::proxy::request::id::RequestIds;
use crate::rejection::Code;

fn load(change: Value) -> Result<ErrorPage, String> {
    let mut config = json!({ "public_url": "https://app.example.com", "listeners": [] });
    let members = change.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(members);
    let config: Config = serde_json::from_value(config).map_err(|error| error.to_string())?;
    ErrorPage::load(&config.proxy()).map_err(|error| error.to_string())
}

fn rendered(page: &ErrorPage) -> String {
    let rejection = Rejection::new(Code::UpstreamFailed, "secret_reason");
    page.render(&rejection, RequestIds::new().next(), None)
}

#[test]
fn tells_what_problem_details_tell() {
    let page = rendered(&load(json!({})).unwrap());
    for expected in [
        "502",
        "Bad Gateway",
        "The upstream did not answer properly.",
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    assert!(!page.contains("{{") && !page.contains("secret_reason"));
    assert!(!page.contains("<img") && !page.contains("href"));
}

#[test]
fn a_file_is_read_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("error.html");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        load(json!({ "error_page": file }))
    };
    let page = read("<b>{{ status }}</b> {code}").unwrap();
    assert_eq!(rendered(&page), "<b>502</b> {code}");
    for wrong in ["{{stauts}}", "{{ status }", "{{reason}}", "{{"] {
        assert!(read(wrong).unwrap_err().contains("unknown placeholder"));
    }
    assert!(read(&"x".repeat(LARGEST)).is_ok());
    assert!(read(&"x".repeat(LARGEST + 1)).is_err());
    assert!(load(json!({ "error_page": folder.path().join("none") })).is_err());
}

#[test]
fn a_site_is_known_by_name_logo_and_color() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo.svg");
    std::fs::write(&logo, "<svg/>").unwrap();
    let brand = json!({ "name": "Acme <3", "logo": logo, "color": "#06c" });
    let page = rendered(&load(json!({ "brand": brand })).unwrap());
    for part in [
        "<span>Acme &lt;3</span>",
        r#"<img src="data:image/svg+xml;base64,PHN2Zy8+""#,
        "background: #06c;",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for wrong in [
        json!({ "color": "red;}" }),
        json!({ "color": "#06" }),
        json!({ "logo": folder.path().join("none.svg") }),
        json!({ "logo": folder.path().join("logo.html") }),
    ] {
        assert!(load(json!({ "brand": wrong })).is_err(), "{wrong}");
    }
    std::fs::write(&logo, vec![b'x'; LARGEST_LOGO + 1]).unwrap();
    assert!(load(json!({ "brand": { "logo": logo } })).is_err());
}

#[test]
fn a_link_leads_to_the_login_page_and_a_form_out_of_a_loop() {
    let page = load(json!({})).unwrap();
    let rejection = Rejection::new(Code::TokenMissing, "token_missing");
    let with = |redirect_loop| {
        let sign_in = SignIn {
            location: "https://id.test/login?return_to=%2Fa&reason=expired".to_owned(),
            target: r#"/a?b="><script>"#.to_owned(),
            redirect_loop,
        };
        page.render(&rejection, RequestIds::new().next(), Some(&sign_in))
    };
    let href = r#"<a href="https://id.test/login?return_to=%2Fa&amp;reason=expired">"#;
    for redirect_loop in [
        None,
        Some(RedirectLoop::WithoutLogin),
        Some(RedirectLoop::StuckLogin),
    ] {
        let link = with(redirect_loop);
        assert!(link.contains(href) && !link.contains("<form"), "{link}");
        let claims = redirect_loop == Some(RedirectLoop::StuckLogin);
        assert_eq!(link.contains("signed in"), claims, "{link}");
    }
    let form = with(Some(RedirectLoop::EndedLogin));
    assert!(form.contains(href), "{form}");
    assert!(form.contains(r#"action="/_vestibule/logout""#), "{form}");
    assert!(
        form.contains(r#"value="/a?b=&quot;&gt;&lt;script&gt;""#),
        "{form}"
    );
}

#[test]
fn escapes() {
    let mut page = String::new();
    escape("<a href='x'>\"&", &mut page);
    assert_eq!(page, "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
}
