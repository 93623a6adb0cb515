//! Key sets in files.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use async_trait::async_trait;
use tokio::io::AsyncReadExt as _;

use super::error::FetchError;
use super::set::KeySet;
use super::source::{Answer, Basis, Source, Validators};
use crate::issuer::{IssuerSettings, KeySource};

/// What is wrong with the file that has an issuer's keys, if its keys are in one.
pub fn key_file_fault(issuer: &IssuerSettings) -> Option<String> {
    let KeySource::File(path) = &issuer.source else {
        return None;
    };
    let max_body = issuer.jwks.max_body.as_u64();
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(max_body + 1).read_to_end(&mut text));
    match read {
        Err(error) => Some(FetchError::File(error).to_string()),
        Ok(size) if size as u64 > max_body => Some(format!("larger than {max_body} bytes")),
        Ok(_) => match KeySet::parse_as(issuer.key_format, &text, issuer.jwks.max_keys) {
            Err(error) => Some(error.to_string()),
            Ok(keys) if keys.is_empty() => Some("none of its keys can be used".to_owned()),
            Ok(_) => None,
        },
    }
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
