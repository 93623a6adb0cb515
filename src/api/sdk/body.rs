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
    // The parser takes an array for an object's members in their order.
    if !text.starts_with(b"{") {
        return Err(SdkError::wrong_type(""));
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    // The parser's own words could repeat the content, which may be a token; but the name of a
    // member that is missing is ours.
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let words = error.inner().to_string();
        let missing = words.strip_prefix("missing field `");
        match missing.and_then(|rest| rest.split_once('`')) {
            Some((member, _)) => SdkError::missing(member),
            // Not JSON at all: no member is to blame.
            None if !error.inner().is_data() => SdkError::wrong_type(""),
            None => SdkError::wrong_type(&error.path().to_string()),
        }
    })?;
    reader.end().map_err(|_| SdkError::wrong_type(""))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde::Deserialize;

    use super::read;
    use crate::api::document::refusals::Shown;

    #[test]
    fn what_is_wrong_is_named() {
        #[derive(Debug, Deserialize)]
        struct Content {
            #[expect(dead_code, reason = "only whether it can be read matters")]
            jwt: Option<String>,
        }
        let said = |text: &'static str| {
            let error = read::<Content>(&Bytes::from_static(text.as_bytes())).unwrap_err();
            error.content()["error"].as_str().unwrap().to_owned()
        };
        for text in ["{", "jwt=a", "[", "{} {}", "[]", r#"["a.b.c"]"#, "null"] {
            assert_eq!(said(text), "The body is not a JSON object", "{text}");
        }
        assert_eq!(said(r#"{"jwt":1}"#), "`jwt` has the wrong type");
        for text in ["", " ", "{}", r#"{"jwt":null,"other":1}"#] {
            assert!(
                read::<Content>(&Bytes::from_static(text.as_bytes())).is_ok(),
                "{text}"
            );
        }
    }
}
