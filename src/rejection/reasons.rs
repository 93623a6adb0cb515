//! The reasons of refusals in words for operators, by subject: what happened, and what to change. Of the checks
//! of an external token the hints stand with the checks.

mod calls;
mod capacity;
mod clients;
mod credentials;
mod forms;
mod requests;
mod sessions;
mod steps;

/// A reason in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InWords {
    /// What happened, in a few words.
    pub title: &'static str,
    /// What to look at or to change.
    pub advice: &'static str,
}

/// What is said of a reason, by its word in logs and metrics. `None`: the word says all, or it is one of the
/// checks of tokens.
pub fn in_words(reason: &str) -> Option<InWords> {
    let (_, title, advice) = all().find(|(word, _, _)| *word == reason)?;
    Some(InWords { title, advice })
}

/// The word, what happened, and what to do.
type Text = (&'static str, &'static str, &'static str);

fn all() -> impl Iterator<Item = &'static Text> {
    [
        credentials::TEXTS,
        sessions::TEXTS,
        steps::TEXTS,
        clients::TEXTS,
        requests::TEXTS,
        forms::TEXTS,
        calls::TEXTS,
        capacity::TEXTS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests;
