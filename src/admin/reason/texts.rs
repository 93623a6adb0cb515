//! What to know about reasons, by subject. Those about an external token have their hints with the checks.

mod capacity;
mod clients;
mod credentials;
mod requests;

/// The word, what happened, and what to do.
pub(super) type Text = (&'static str, &'static str, &'static str);

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Text> {
    [
        credentials::TEXTS,
        clients::TEXTS,
        requests::TEXTS,
        capacity::TEXTS,
    ]
    .into_iter()
    .flatten()
}
