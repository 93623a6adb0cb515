//! The page that a person sees instead of problem details.

use std::path::{Path, PathBuf};

use super::request_id::RequestId;
use crate::rejection::Rejection;

/// A page with the placeholders `{{status}}`, `{{title}}`, `{{detail}}`, `{{code}}` and
/// `{{request_id}}`. Their values are escaped.
#[derive(Debug)]
pub struct ErrorPage(Vec<Part>);

#[derive(Debug)]
enum Part {
    Html(String),
    Told(Told),
}

#[derive(Clone, Copy, Debug)]
enum Told {
    Status,
    Title,
    Detail,
    Code,
    RequestId,
}

impl ErrorPage {
    /// Reads a file, or takes the gateway's own page.
    pub fn load(file: Option<&Path>) -> Result<Self, ErrorPageError> {
        let Some(file) = file else {
            return Self::parse(SELF_ISSUED).map_err(|error| error.of(Path::new("error.html")));
        };
        let text = std::fs::read_to_string(file).map_err(|error| ErrorPageError::Read {
            file: file.to_owned(),
            error,
        })?;
        if text.len() > LARGEST {
            return Err(ErrorPageError::TooLarge(file.to_owned()));
        }
        Self::parse(&text).map_err(|error| error.of(file))
    }

    /// The page for a refusal.
    pub fn render(&self, rejection: &Rejection, id: RequestId) -> String {
        let mut page = String::new();
        for part in &self.0 {
            match part {
                Part::Html(html) => page.push_str(html),
                Part::Told(Told::Status) => page.push_str(rejection.status.as_str()),
                Part::Told(Told::Title) => escape(rejection.title(), &mut page),
                Part::Told(Told::Detail) => escape(rejection.code.text(), &mut page),
                Part::Told(Told::Code) => escape(rejection.code.as_str(), &mut page),
                Part::Told(Told::RequestId) => escape(&id.to_string(), &mut page),
            }
        }
        page
    }

    fn parse(text: &str) -> Result<Self, Unknown> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("{{") {
            let Some((name, after)) = from.split_once("}}") else {
                return Err(Unknown(String::new()));
            };
            parts.push(Part::Html(before.to_owned()));
            parts.push(Part::Told(match name.trim() {
                "status" => Told::Status,
                "title" => Told::Title,
                "detail" => Told::Detail,
                "code" => Told::Code,
                "request_id" => Told::RequestId,
                other => return Err(Unknown(other.chars().take(SHOWN).collect())),
            }));
            rest = after;
        }
        parts.push(Part::Html(rest.to_owned()));
        Ok(Self(parts))
    }
}

/// Why a file is no error page.
#[derive(Debug, thiserror::Error)]
pub enum ErrorPageError {
    /// The file cannot be read.
    #[error("`error_page` {}: {error}", file.display())]
    Read {
        /// The path of the file.
        file: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Larger than 256 KiB.
    #[error("`error_page` {}: larger than 256 KiB", .0.display())]
    TooLarge(PathBuf),
    /// An unknown placeholder.
    #[error(
        "`error_page` {}: unknown placeholder `{name}`; expected status, title, detail, code or \
         request_id between `{{{{` and `}}}}`",
        file.display()
    )]
    Unknown {
        /// The path of the file.
        file: PathBuf,
        /// What stands between the braces.
        name: String,
    },
}

struct Unknown(String);

impl Unknown {
    fn of(self, file: &Path) -> ErrorPageError {
        ErrorPageError::Unknown {
            file: file.to_owned(),
            name: self.0,
        }
    }
}

fn escape(text: &str, page: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            letter => page.push(letter),
        }
    }
}

const SELF_ISSUED: &str = include_str!("../../templates/error.html");
/// Pages are sent for each refusal.
const LARGEST: usize = 256 << 10;
/// How much of an unknown name is repeated in a message.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::request_id::RequestIds;
    use crate::rejection::Code;

    fn rendered(page: &ErrorPage) -> String {
        let rejection = Rejection::new(Code::UpstreamFailed, "secret_reason");
        page.render(&rejection, RequestIds::new().next())
    }

    #[test]
    fn tells_what_problem_details_tell() {
        let page = rendered(&ErrorPage::load(None).unwrap());
        for told in ["502", "Bad Gateway", "The upstream could not be reached."] {
            assert!(page.contains(told), "{told} in {page}");
        }
        assert!(!page.contains("{{") && !page.contains("secret_reason"));
    }

    #[test]
    fn a_file_is_read_strictly() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("error.html");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            ErrorPage::load(Some(&file)).map_err(|error| error.to_string())
        };
        let page = read("<b>{{ status }}</b> {code}").unwrap();
        assert_eq!(rendered(&page), "<b>502</b> {code}");
        for wrong in ["{{stauts}}", "{{ status }", "{{reason}}", "{{"] {
            assert!(read(wrong).unwrap_err().contains("unknown placeholder"));
        }
        assert!(read(&"x".repeat(LARGEST)).is_ok());
        assert!(read(&"x".repeat(LARGEST + 1)).is_err());
        assert!(ErrorPage::load(Some(&folder.path().join("none"))).is_err());
    }

    #[test]
    fn escapes() {
        let mut page = String::new();
        escape("<a href='x'>\"&", &mut page);
        assert_eq!(page, "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }
}
