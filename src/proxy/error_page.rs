//! The page that a person sees instead of problem details.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::request::id::RequestId;
use super::settings::{Brand, Settings};
use crate::rejection::Rejection;

/// A page with the placeholders `{{status}}`, `{{title}}`, `{{detail}}`, `{{code}}`,
/// `{{request_id}}`, `{{brand}}`, `{{accent}}` and `{{sign_in}}`. Their values are escaped.
#[derive(Debug)]
pub struct ErrorPage {
    parts: Vec<Part>,
    /// Name and logo of the site, as HTML.
    brand: String,
    /// A color.
    accent: String,
    /// The path that ends a session.
    logout: String,
}

/// What a page says about signing in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The address of the login page.
    pub location: String,
    /// The path that was asked for.
    pub target: String,
    /// Why the browser is not redirected there once more; `None`: it would not have been in any case.
    pub redirect_loop: Option<RedirectLoop>,
}

/// What a browser brings that was redirected to the login page again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectLoop {
    /// No login. Perhaps none reaches the gateway; or somebody opened the page several times.
    WithoutLogin,
    /// One that no longer counts, which a logout takes away or follows to its provider.
    EndedLogin,
    /// The same, but neither is possible.
    StuckLogin,
}

impl SignIn {
    /// Whether the page has a form that signs out.
    pub fn has_form(&self) -> bool {
        self.redirect_loop == Some(RedirectLoop::EndedLogin)
    }
}

#[derive(Debug)]
enum Part {
    Html(String),
    Filled(Placeholder),
}

#[derive(Clone, Copy, Debug)]
enum Placeholder {
    Status,
    Title,
    Detail,
    Code,
    RequestId,
    Brand,
    Accent,
    SignIn,
}

impl ErrorPage {
    /// Reads the files that the configuration names, or takes the gateway's own page.
    pub fn load(settings: &Settings<'_>) -> Result<Self, ErrorPageError> {
        let color = settings.brand.color.as_ref();
        Ok(Self {
            parts: Self::parts(settings.error_page)?,
            brand: brand(settings.brand)?,
            accent: color.map_or(ACCENT, |color| color.as_str()).to_owned(),
            logout: format!("{}/logout", settings.routes.api_prefix.as_base()),
        })
    }

    fn parts(file: Option<&Path>) -> Result<Vec<Part>, ErrorPageError> {
        let Some(file) = file else {
            return parse(BUILT_IN).map_err(|error| error.of(Path::new("error.html")));
        };
        let text = std::fs::read_to_string(file).map_err(|error| ErrorPageError::Read {
            file: file.to_owned(),
            error,
        })?;
        if text.len() > LARGEST {
            return Err(ErrorPageError::TooLarge(file.to_owned()));
        }
        parse(&text).map_err(|error| error.of(file))
    }

    /// The page for a refusal.
    pub fn render(&self, rejection: &Rejection, id: RequestId, sign_in: Option<&SignIn>) -> String {
        let mut page = String::new();
        for part in &self.parts {
            match part {
                Part::Html(html) => page.push_str(html),
                Part::Filled(Placeholder::Status) => page.push_str(rejection.status.as_str()),
                Part::Filled(Placeholder::Title) => escape(rejection.title(), &mut page),
                Part::Filled(Placeholder::Detail) => escape(rejection.text(), &mut page),
                Part::Filled(Placeholder::Code) => escape(rejection.code.as_str(), &mut page),
                Part::Filled(Placeholder::RequestId) => escape(&id.to_string(), &mut page),
                Part::Filled(Placeholder::Brand) => page.push_str(&self.brand),
                Part::Filled(Placeholder::Accent) => page.push_str(&self.accent),
                Part::Filled(Placeholder::SignIn) => {
                    if let Some(sign_in) = sign_in {
                        self.push_sign_in(sign_in, &mut page);
                    }
                }
            }
        }
        page
    }

    /// A link to the login page; in a redirect loop also the way out of it.
    fn push_sign_in(&self, sign_in: &SignIn, page: &mut String) {
        match sign_in.redirect_loop {
            Some(RedirectLoop::EndedLogin) => self.push_sign_out(&sign_in.target, page),
            Some(RedirectLoop::StuckLogin) => page.push_str(STUCK),
            Some(RedirectLoop::WithoutLogin) | None => {}
        }
        page.push_str("<p><a href=\"");
        escape(&sign_in.location, page);
        page.push_str("\">Sign in</a></p>");
        if sign_in.redirect_loop == Some(RedirectLoop::WithoutLogin) {
            page.push_str(WITHOUT_LOGIN);
        }
    }

    /// A form that signs out, and deletes issuers' cookies wherever it is known how they are set.
    fn push_sign_out(&self, target: &str, page: &mut String) {
        page.push_str(
            "<p>The sign-in page sends you back here, because it thinks that you are signed in. \
            Sign out first.</p><form method=\"post\" action=\"",
        );
        escape(&self.logout, page);
        page.push_str("\"><input type=\"hidden\" name=\"return_to\" value=\"");
        escape(target, page);
        page.push_str(
            "\"><input type=\"hidden\" name=\"delete_issuer_cookie\" value=\"true\">\
            <button>Sign out</button></form>",
        );
    }
}

fn parse(text: &str) -> Result<Vec<Part>, Unknown> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("{{") {
        let Some((name, after)) = from.split_once("}}") else {
            return Err(Unknown(String::new()));
        };
        parts.push(Part::Html(before.to_owned()));
        parts.push(Part::Filled(match name.trim() {
            "status" => Placeholder::Status,
            "title" => Placeholder::Title,
            "detail" => Placeholder::Detail,
            "code" => Placeholder::Code,
            "request_id" => Placeholder::RequestId,
            "brand" => Placeholder::Brand,
            "accent" => Placeholder::Accent,
            "sign_in" => Placeholder::SignIn,
            other => return Err(Unknown(other.chars().take(SHOWN).collect())),
        }));
        rest = after;
    }
    parts.push(Part::Html(rest.to_owned()));
    Ok(parts)
}

/// Name and logo as HTML; the logo is in it, since the page may load nothing.
fn brand(brand: &Brand) -> Result<String, ErrorPageError> {
    let mut html = String::new();
    if let Some(file) = &brand.logo {
        let failed = |error: String| ErrorPageError::Logo {
            file: file.clone(),
            error,
        };
        let kind = file.extension().and_then(|extension| extension.to_str());
        let kind = match kind.map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => "svg+xml",
            Some("png") => "png",
            Some("jpg" | "jpeg") => "jpeg",
            Some("gif") => "gif",
            Some("webp") => "webp",
            _ => return Err(failed("not an SVG, PNG, JPEG, GIF or WebP file".to_owned())),
        };
        let logo = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        if logo.len() > LARGEST_LOGO {
            return Err(failed("larger than 64 KiB".to_owned()));
        }
        let logo = STANDARD.encode(logo);
        html.push_str(&format!(
            "<img src=\"data:image/{kind};base64,{logo}\" alt=\"\" height=\"40\">"
        ));
    }
    if let Some(name) = &brand.name {
        html.push_str("<span>");
        escape(name, &mut html);
        html.push_str("</span>");
    }
    match html.is_empty() {
        true => Ok(html),
        false => Ok(format!("<p class=\"brand\">{html}</p>")),
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
    /// The logo is no picture for the page.
    #[error("`brand.logo` {}: {error}", file.display())]
    Logo {
        /// The path of the file.
        file: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// Larger than 256 KiB.
    #[error("`error_page` {}: larger than 256 KiB", .0.display())]
    TooLarge(PathBuf),
    /// An unknown placeholder.
    #[error(
        "`error_page` {}: unknown placeholder `{name}`; expected status, title, detail, code, \
         request_id, brand, accent or sign_in between `{{{{` and `}}}}`",
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

const BUILT_IN: &str = include_str!("../../templates/error.html");
/// Pages are sent for each refusal.
const LARGEST: usize = 256 << 10;
/// It is part of every page.
const LARGEST_LOGO: usize = 64 << 10;
const STUCK: &str = "<p>The sign-in page sends you back here, because it thinks that you are signed in. \
    Sign out there, or delete the cookies of this site.</p>";
const WITHOUT_LOGIN: &str = "<p>If the sign-in page sends you straight back here, check whether your browser \
    accepts cookies from this site.</p>";
const ACCENT: &str = "#2f5fd0";
/// How much of an unknown name is repeated in a message.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests;
