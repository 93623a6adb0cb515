//! Which source an issuer's settings ask for.

use std::sync::Arc;

use url::Url;

use super::error::SourceError;
use super::fetch::by_kid::{self, ByKid};
use super::fetch::{Clients, Discovered, HttpSource};
use super::file::FileSource;
use super::issuer_keys::IssuerKeys;
use super::source::Source;
use super::wanted_kids::WantedKids;
use crate::issuer::{KID_PLACEHOLDER, KeySource};

/// The source of an issuer; `None` when nothing is fetched.
pub(super) fn source(
    keys: &IssuerKeys,
    wanted: &Arc<WantedKids>,
    clients: &Clients,
) -> Result<Option<Arc<dyn Source>>, SourceError> {
    let settings = keys.key_settings();
    let max_body = usize::try_from(settings.jwks.max_body.as_u64()).unwrap_or(usize::MAX);
    let http = |discovery, url| -> Result<Option<Arc<dyn Source>>, SourceError> {
        Ok(Some(Arc::new(HttpSource::new(
            settings,
            clients,
            discovery,
            url,
            max_body,
            &keys.clock,
        )?)))
    };
    match &settings.source {
        KeySource::Url(url) => http(None, url),
        KeySource::ByKid(template) => {
            let url = Url::parse(&template.replace(KID_PLACEHOLDER, "kid"));
            // The configuration has checked it.
            let Ok(url) = url else { return Ok(None) };
            let max_body = max_body.min(by_kid::LARGEST);
            let http = HttpSource::new(settings, clients, None, &url, max_body, &keys.clock)?;
            let (wanted, max_stale) = (Arc::clone(wanted), settings.jwks.max_stale);
            Ok(Some(Arc::new(ByKid::new(
                http, template, wanted, max_stale,
            ))))
        }
        KeySource::Discovery(url) => {
            let iss = settings.discovered_iss.clone();
            let discovered =
                Discovered::new(iss, settings.jwks.rediscover_interval, &keys.end_session);
            http(Some(discovered), url)
        }
        KeySource::File(path) => Ok(Some(Arc::new(FileSource {
            path: path.clone(),
            max_body,
        }))),
        KeySource::Inline(_) | KeySource::SecretOnly => Ok(None),
    }
}
