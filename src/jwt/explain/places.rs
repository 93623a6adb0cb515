//! Where requests may carry an issuer's tokens, for people who wonder why one is not seen.

use super::pasted::Place;
use crate::issuer::{CookieFormat, IssuerSettings};

/// The parts of a request in which this issuer's tokens are looked for, in that order.
pub(super) fn of(issuer: &IssuerSettings) -> Vec<Place> {
    let is_read = issuer.authorization.is_read();
    let authorization = is_read.then(|| Place::Field("authorization".to_owned()));
    let field = issuer.header.as_ref().map(|it| it.name().to_string());
    let cookie = issuer.cookie_name.as_ref().map(ToString::to_string);
    let cookies = cookie.map(|name| match issuer.cookie_format {
        CookieFormat::Token => Place::Cookie(name),
        // With a suffix for each part, or for each of the provider's applications.
        CookieFormat::SupabaseSsr | CookieFormat::Clerk => Place::Cookie(name + "*"),
    });
    authorization
        .into_iter()
        .chain(field.map(Place::Field))
        .chain(cookies)
        .collect()
}

/// Why a token is not seen in this part of a request, if it is not.
pub(super) fn refusal(
    place: &Place,
    accepted: &[Place],
    in_words: &[String],
) -> Option<(&'static str, String)> {
    if accepted.iter().any(|known| includes(known, place)) {
        return None;
    }
    let hint = format!(
        "tokens of this issuer are not looked for in {place}, but in {}",
        in_words.join(", "),
    );
    Some(("place_not_read", hint))
}

fn includes(known: &Place, place: &Place) -> bool {
    match (known, place) {
        (Place::Cookie(known), Place::Cookie(name)) => known
            .strip_suffix('*')
            .map_or(known == name, |start| name.starts_with(start)),
        _ => known == place,
    }
}
