//! What proves that a message is from this gateway: the signature of Standard Webhooks, and the one
//! that receivers of the platform know.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::clock::UnixTime;
use crate::secret::Secret;

/// The keys of one secret.
pub(super) struct Key {
    /// Of Standard Webhooks: what follows `whsec_`, decoded, or the text itself.
    standard: hmac::Key,
    /// Of the platform: the text as it is.
    platform: hmac::Key,
}

impl Key {
    /// `None`: the secret is too short, too long or not Base64.
    pub(super) fn parse(secret: &Secret) -> Option<Self> {
        let text = secret.expose();
        let bytes = match text.strip_prefix("whsec_") {
            Some(encoded) => {
                let bytes = Zeroizing::new(BASE64.decode(encoded).ok()?);
                (24..=64).contains(&bytes.len()).then_some(bytes)?
            }
            None if (24..=512).contains(&text.len()) => Zeroizing::new(text.as_bytes().to_vec()),
            None => return None,
        };
        Some(Self {
            standard: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            platform: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()),
        })
    }
}

/// The header fields that sign a message: all keys by Standard Webhooks, the first one by the
/// platform's field, which has room for one.
pub(super) fn fields(
    keys: &[Key],
    id: &str,
    at: UnixTime,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let timestamp = at.0.to_string();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let signatures = keys.iter().map(|key| {
        let tag = hmac::sign(&key.standard, &signed);
        format!("v1,{}", BASE64.encode(tag))
    });
    let signatures = signatures.collect::<Vec<_>>().join(" ");
    let platform = keys.first().map(|key| {
        let tag = hmac::sign(&key.platform, body);
        let digits: String = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        ("x-dynamic-signature-256", format!("sha256={digits}"))
    });
    let standard = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures),
    ];
    standard.into_iter().chain(platform).collect()
}

/// What the documentation shows.
#[cfg(test)]
#[path = "../../tests/peers/rust/verify_webhook.rs"]
#[allow(unreachable_pub, reason = "it is meant to be copied")]
mod verify_webhook;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Secret::resolve(&format!("file:{}", file.path().display())).unwrap()
    }

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signs_as_standard_webhooks_does() {
        let key = Key::parse(&secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let fields = fields(
            &[key],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            UnixTime(1_614_265_330),
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            fields[2],
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()
            )
        );
    }

    /// RFC 4231 has no key of 24 bytes; this one is of OpenSSL.
    #[test]
    fn every_secret_signs_and_the_first_one_for_the_platform() {
        let keys = ["a secret of twenty-four.", "another one, of the same"]
            .map(|text| Key::parse(&secret(text)).unwrap());
        let both = fields(&keys, "id", UnixTime(1), b"{}");
        let alone = fields(&keys[..1], "id", UnixTime(1), b"{}");
        let first = alone[2].1.clone();
        assert!(both[2].1.starts_with(&format!("{first} v1,")));
        assert_eq!(both[3], alone[3]);
        assert_eq!(both[3].0, "x-dynamic-signature-256");
        assert_eq!(both[3].1.len(), "sha256=".len() + 64);
    }

    #[test]
    fn the_example_of_the_documentation_verifies() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let keys =
            ["a secret of twenty-four.", text].map(|text| Key::parse(&secret(text)).unwrap());
        let fields = fields(&keys, "id", UnixTime(1), b"{}");
        let verify = |body: &[u8]| verify_webhook::verify(text, "id", "1", &fields[2].1, body);
        assert!(verify(b"{}"));
        assert!(!verify(b"{ }"));
    }

    #[test]
    fn a_secret_is_long_enough() {
        for text in [
            "whsec_",
            "whsec_c2hvcnQ=",
            "whsec_not base64 at all, is it",
            "short",
        ] {
            assert!(Key::parse(&secret(text)).is_none(), "{text}");
        }
        assert!(Key::parse(&secret("this one is of 24 chars.")).is_some());
    }
}
