//! Every answer of the public API that a test sees stands in the API's own document: its status,
//! its media type, and of a refusal its code.

use serde_json::Value;

use super::wire::Message;

/// The document of one gateway.
pub struct Contract(Value);

impl Contract {
    /// From the text of the document.
    pub fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).expect("the document is JSON"))
    }

    /// The methods of each path.
    pub fn paths(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        let paths = self.0["paths"].as_object().expect("paths");
        paths.iter().map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            (&**path, methods.map(|name| name.to_uppercase()).collect())
        })
    }

    /// Whether the answer is one that the document knows of this request.
    pub fn check(&self, method: &str, target: &str, answer: &Message) {
        let path = target.split('?').next().unwrap_or_default();
        let status = answer.status();
        let asked = format!("{method} {target}: {status} {}", answer.text());
        let Some(item) = self.item(path) else {
            assert!(status >= 400, "no path of the document: {asked}");
            return;
        };
        let method = if method == "HEAD" { "GET" } else { method };
        let operation = &item[method.to_lowercase()];
        if operation.is_null() {
            assert!(status >= 400, "no method of the document: {asked}");
            return;
        }
        let known = &operation["responses"][status.to_string()];
        assert!(!known.is_null(), "no status of the document: {asked}");
        let Some(media_type) = answer.field("content-type") else {
            return;
        };
        let media_type = media_type.split(';').next().unwrap_or_default();
        let content = &known["content"][media_type];
        assert!(!content.is_null(), "no content of the document: {asked}");
        if status >= 400 && media_type.ends_with("json") && !answer.text().is_empty() {
            let body = answer.json();
            let code = body["code"].as_str().or(body["error"].as_str());
            let code = code.expect("a refusal has a code");
            let example = &content["examples"][code];
            assert!(!example.is_null(), "no code of the document: {asked}");
        }
    }

    fn item(&self, path: &str) -> Option<&Value> {
        let paths = self.0["paths"].as_object().expect("paths");
        let exact = paths.get(path);
        exact.or_else(|| {
            let mut templates = paths.iter().filter(|(template, _)| template.contains('{'));
            let found = templates.find(|(template, _)| fits(template, path));
            found.map(|(_, item)| item)
        })
    }
}

/// A parameter stands for one segment, and `{path}` for all that follow.
fn fits(template: &str, path: &str) -> bool {
    let mut path = path.split('/');
    for segment in template.split('/') {
        match (segment, path.next()) {
            (_, None) => return false,
            ("{path}", Some(_)) => return true,
            (named, Some(_)) if named.starts_with('{') => {}
            (named, Some(there)) if named == there => {}
            _ => return false,
        }
    }
    path.next().is_none()
}
