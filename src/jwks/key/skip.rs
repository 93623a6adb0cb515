//! Why an entry of a key set is not used.

/// Why an entry of a key set is skipped. The others are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// A member is missing or has the wrong shape.
    Malformed,
    /// `kty` is `oct`.
    Symmetric,
    /// Another `kty`.
    TypeUnsupported,
    /// Another `crv`.
    CurveUnsupported,
    /// `use` or `key_ops` say that it is not for verifying.
    NotForVerifying,
    /// An `alg` that the gateway cannot verify.
    AlgorithmUnsupported,
    /// An `alg` that does not go with the key.
    AlgorithmMismatch,
    /// RSA under 2048 bits.
    RsaTooSmall,
    /// RSA that can be factored (CVE-2017-15361).
    RsaWeak,
    /// Numbers that are no key, such as a point off its curve.
    KeyInvalid,
    /// The private key is published with it.
    PrivateKey,
    /// Two different keys of one `kid` for the same algorithm: neither is used, unless all keys are tried.
    DuplicateKid,
}

impl SkipReason {
    /// Every reason, for counters.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::Symmetric,
        Self::TypeUnsupported,
        Self::CurveUnsupported,
        Self::NotForVerifying,
        Self::AlgorithmUnsupported,
        Self::AlgorithmMismatch,
        Self::RsaTooSmall,
        Self::RsaWeak,
        Self::KeyInvalid,
        Self::PrivateKey,
        Self::DuplicateKid,
    ];

    /// What is wrong with the entry, as part of a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Malformed => "a member is missing or has the wrong type",
            Self::Symmetric => "a shared secret in a public place is none",
            Self::TypeUnsupported => "its `kty` is not supported",
            Self::CurveUnsupported => "its `crv` is not supported",
            Self::NotForVerifying => "its `use` or `key_ops` is another than verifying signatures",
            Self::AlgorithmUnsupported => "its `alg` is not a supported signature algorithm",
            Self::AlgorithmMismatch => "its `alg` does not fit its `kty`",
            Self::RsaTooSmall => "an RSA key needs at least 2048 bits",
            Self::RsaWeak => "this RSA key can be factored (CVE-2017-15361)",
            Self::KeyInvalid => "its numbers are no key",
            Self::PrivateKey => "the private key is published with it",
            Self::DuplicateKid => "two different keys have its `kid`",
        }
    }

    /// A stable word for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Symmetric => "symmetric",
            Self::TypeUnsupported => "type_unsupported",
            Self::CurveUnsupported => "curve_unsupported",
            Self::NotForVerifying => "not_for_verifying",
            Self::AlgorithmUnsupported => "algorithm_unsupported",
            Self::AlgorithmMismatch => "algorithm_mismatch",
            Self::RsaTooSmall => "rsa_too_small",
            Self::RsaWeak => "rsa_weak",
            Self::KeyInvalid => "key_invalid",
            Self::PrivateKey => "private_key",
            Self::DuplicateKid => "duplicate_kid",
        }
    }
}
