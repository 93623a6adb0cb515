//! Long lists, a page at a time.

use clap::Args;
use serde_json::Value;

/// Which part of a list.
#[derive(Debug, Args)]
pub(super) struct Paging {
    /// The maximum number of entries.
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = count)]
    limit: String,
    /// Only list entries after those of the page that named this position.
    #[arg(long, value_name = "POSITION")]
    after: Option<String>,
}

impl Paging {
    /// The query of a request for this part.
    pub(super) fn query<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let after = self.after.as_deref().map(|after| ("after", after));
        let part = [("limit", self.limit.as_str())].into_iter().chain(after);
        more.iter().copied().chain(part).collect()
    }

    /// Names the position of the next page, where there is one. Not among the rows: those may be in
    /// a pipe.
    pub(super) fn say_whether_more(&self, answer: &Value) {
        if let Some(next) = answer["next"].as_str() {
            print_error!("there are more: --after {next}");
        }
    }
}

/// As many as the gateway lists at once.
pub(super) fn count(text: &str) -> Result<String, String> {
    match text.parse::<u16>() {
        Ok(1..=1000) => Ok(text.to_owned()),
        _ => Err("not a number from 1 to 1000".to_owned()),
    }
}
