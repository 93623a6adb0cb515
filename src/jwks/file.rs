//! Key sets in files.

use std::path::PathBuf;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;

use super::error::FetchError;
use super::source::{Answer, Basis, Source, Validators};

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
