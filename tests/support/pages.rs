//! A browser without script at the dashboard: pages, and the forms on them.

use super::gateway::Gateway;
use super::wire::Message;

/// One browser, logged in or where no login is needed.
pub struct Pages<'a> {
    gateway: &'a Gateway,
    origin: String,
    cookie: Option<String>,
}

impl<'a> Pages<'a> {
    /// On the gateway's machine.
    pub fn of(gateway: &'a Gateway) -> Self {
        Self {
            gateway,
            origin: format!("http://{}", gateway.admin),
            cookie: None,
        }
    }

    /// Logged in with this token.
    pub async fn logged_in(gateway: &'a Gateway, token: &str) -> Self {
        let mut pages = Self::of(gateway);
        let answer = pages.send("/dashboard/login", &[("token", token)]).await;
        assert_eq!(answer.status(), 303, "{}", answer.text());
        let cookie = answer.field("set-cookie").unwrap();
        pages.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        pages
    }

    /// A page.
    pub async fn get(&self, path: &str) -> Message {
        let cookie = self.cookie.iter().map(|cookie| ("Cookie", cookie.as_str()));
        let fields: Vec<_> = cookie.collect();
        self.gateway.admin_bytes("GET", path, &fields, "").await
    }

    /// A form as the page at `on` has it, filled in and sent to `to`. A question that comes back is agreed to.
    pub async fn submit(&self, on: &str, to: &str, filled: &[(&str, &str)]) -> Message {
        let page = self.get(on).await;
        let text = page.text();
        let mut all: Vec<(&str, &str)> = Vec::new();
        for name in ["csrf", "version", "preset"] {
            let mark = format!("name=\"{name}\" value=\"");
            if let Some(rest) = text.split(&mark).nth(1) {
                all.push((name, rest.split('"').next().unwrap()));
            }
        }
        all.extend(filled);
        let answer = self.send(to, &all).await;
        match answer.status() == 200 && answer.contains("id=\"confirmation\"") {
            true => self.agree(&answer).await,
            false => answer,
        }
    }

    /// Sends the form of a question.
    pub async fn agree(&self, question: &Message) -> Message {
        self.send_form(question, "id=\"confirmation\"", &[]).await
    }

    /// Logs in by the form of a login page; what it leads to.
    pub async fn log_in(&mut self, login: &Message, token: &str) -> Message {
        let filled = [("token", token)];
        let answer = self.send_form(login, "<h1>Log in</h1>", &filled).await;
        let cookie = answer.field("set-cookie").expect("a login");
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        answer
    }

    /// Sends the first form after a mark of a page, as it is hidden there and filled in.
    pub async fn send_form(&self, page: &Message, mark: &str, filled: &[(&str, &str)]) -> Message {
        let text = page.text();
        let form = text.split(mark).nth(1).expect("the mark");
        let form = form.split("</form>").next().unwrap();
        let to = form.split("action=\"").nth(1).expect("a form");
        let hidden = form.split("<input type=\"hidden\" name=\"").skip(1);
        let pair = |input: &str| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            let value = rest.split('"').next().unwrap();
            (unescaped(name), unescaped(value))
        };
        let fields: Vec<_> = hidden.map(pair).collect();
        let fields = fields.iter().map(|(name, value)| (&**name, &**value));
        let fields: Vec<_> = fields.chain(filled.iter().copied()).collect();
        self.send(&unescaped(to.split('"').next().unwrap()), &fields)
            .await
    }

    /// Sends these fields as a form of this origin.
    pub async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Message {
        let encode = |text: &str| {
            let byte = |byte: u8| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            };
            text.bytes().map(byte).collect::<String>()
        };
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let cookie = self.cookie.iter().map(|cookie| ("Cookie", cookie.as_str()));
        let mut head = vec![
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Origin", self.origin.as_str()),
        ];
        head.extend(cookie);
        self.gateway.admin_bytes("POST", path, &head, &body).await
    }
}

/// The text that an attribute stands for.
fn unescaped(attribute: &str) -> String {
    let pairs = [
        ("&#38;", "&"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
    ];
    let all = pairs.iter().rev();
    all.fold(attribute.to_owned(), |text, (from, to)| {
        text.replace(from, to)
    })
}
