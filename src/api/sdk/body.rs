//! What SDKs send as content.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::SdkError;

/// Reads a JSON object. No content at all is an empty one: some clients send none where every
/// member may be left out. Unknown members are ignored.
pub fn read<T: DeserializeOwned>(content: &Bytes) -> Result<T, SdkError> {
    let text: &[u8] = match content.trim_ascii() {
        [] => b"{}",
        text => text,
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    // The parser's own words could repeat the content, which may be a token.
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| SdkError::wrong_type(&error.path().to_string()))?;
    reader.end().map_err(|_| SdkError::wrong_type(""))?;
    Ok(value)
}
