//! Key sets in files, and those in the configuration.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio::io::AsyncReadExt as _;

use super::error::FetchError;
use super::set::{KeySet, KeySetError};
use super::source::{Answer, Basis, Source, Validators};
use crate::issuer::{IssuerSettings, KeyFormat, KeySource};

/// What is wrong with the keys that an issuer's settings have or name a file for, and the setting.
pub fn key_fault(issuer: &IssuerSettings) -> Option<(&'static str, String)> {
    match &issuer.source {
        KeySource::File(path) => Some(("jwks_file", file_fault(issuer, path)?)),
        KeySource::Inline(text) => {
            let keys = KeySet::parse_as(KeyFormat::Jwks, text.as_bytes(), usize::MAX);
            Some(("keys", set_fault(issuer, keys)?))
        }
        _ => None,
    }
}

fn file_fault(issuer: &IssuerSettings, path: &Path) -> Option<String> {
    let max_body = issuer.jwks.max_body.as_u64();
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(max_body + 1).read_to_end(&mut text));
    match read {
        Err(error) => Some(FetchError::File(error).to_string()),
        Ok(size) if size as u64 > max_body => Some(format!("larger than {max_body} bytes")),
        Ok(_) => {
            let keys = KeySet::parse_as(issuer.key_format, &text, issuer.jwks.max_keys);
            set_fault(issuer, keys)
        }
    }
}

fn set_fault(issuer: &IssuerSettings, keys: Result<KeySet, KeySetError>) -> Option<String> {
    let keys = match keys {
        Ok(keys) => keys,
        Err(error) => return Some(error.to_string()),
    };
    if !keys.is_empty() || issuer.try_all_keys && keys.has_rivals() {
        return None;
    }
    let reasons: Vec<&str> = keys.skipped().keys().map(|it| it.in_words()).collect();
    Some(match reasons.is_empty() {
        true => "there is no key in it".to_owned(),
        false => format!("none of its keys can be used: {}", reasons.join("; ")),
    })
}

/// A file, read again at each refresh.
pub(super) struct FileSource {
    pub(super) path: PathBuf,
    pub(super) max_body: usize,
}

#[async_trait]
impl Source for FileSource {
    async fn fetch(&self, _: Basis<'_>) -> Result<Answer, FetchError> {
        let file = tokio::fs::File::open(&self.path)
            .await
            .map_err(FetchError::File)?;
        let mut body = Vec::new();
        let bound = self.max_body as u64 + 1;
        file.take(bound)
            .read_to_end(&mut body)
            .await
            .map_err(FetchError::File)?;
        if body.len() > self.max_body {
            return Err(FetchError::TooLarge(self.max_body));
        }
        Ok(Answer::Body {
            body,
            validators: Validators::default(),
            fresh_for: None,
        })
    }
}
