//! Why an issuer's keys in the file do not make an issuer.

/// Why an issuer's keys in the file do not make an issuer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The name is empty.
    #[error("`name` must not be empty")]
    NoName,
    /// Neither `iss` nor `iss_template`.
    #[error("`iss` is missing: the exact `iss` of this issuer's tokens")]
    NoIss,
    /// Both of them.
    #[error("`iss` and `iss_template` exclude each other")]
    IssTwice,
    /// `tenants` without a template.
    #[error("`tenants` belongs to `iss_template`, which is missing")]
    TenantsWithoutTemplate,
    /// The template has no place for the tenant, or several.
    #[error("`iss_template` must contain `{{tenantid}}` once")]
    TemplateWithoutPlace,
    /// A template without tenants.
    #[error("`iss_template` needs `tenants`: the ids of the tenants to trust")]
    NoTenants,
    /// Discovery of a template.
    #[error("`discovery` needs an exact `iss`; give `jwks_url` beside `iss_template`")]
    DiscoveryOfTemplate,
    /// No source of keys.
    #[error("no keys: give one of `jwks_url`, `discovery: true`, `jwks_file`, `keys`")]
    NoKeys,
    /// Several sources of keys.
    #[error("`jwks_url`, `discovery`, `jwks_file` and `keys` exclude each other")]
    KeysTwice,
    /// Not an address.
    #[error("not an http or https URL: `{0}`")]
    NoUrl(String),
    /// User information in an address.
    #[error("a key-set URL must not carry a user name or password")]
    UrlWithPassword,
    /// Plaintext beyond loopback.
    #[error("`{0}` is not https; `insecure_http: true` allows it beyond loopback")]
    PlainHttp(String),
    /// Private networks refused and allowed.
    #[error("`deny_private_networks` and `allow_private_jwks_uri` exclude each other")]
    PrivateNetworksTwice,
    /// The secret is shorter than the hash's output (RFC 7518 section 3.2).
    #[error("`hs256_secret` must have at least 32 bytes (RFC 7518 section 3.2)")]
    ShortSecret,
    /// The secret is not what its encoding says.
    #[error("`hs256_secret` is not Base64, as `hs256_secret_encoding` says")]
    SecretNotBase64,
    /// A `typ` of tokens that are no login.
    #[error("`accepted_types` cannot have `{0}`: a token of this type is not a login")]
    ForeignType(String),
    /// An alias that is no `iss`, or has no place for the tenant.
    #[error(
        "`iss_aliases` must not be empty, and must contain `{{tenantid}}` once if `iss_template` does"
    )]
    BadAlias,
    /// A workload preset that would trust strangers.
    #[error(
        "this preset needs `required_claims` with one of: {0}; anyone on the internet can get tokens of this issuer"
    )]
    NobodyTrusted(&'static str),
    /// A preset that has no address of its own for the keys.
    #[error("this preset needs the source of the keys: `jwks_url`, `jwks_file` or `keys`")]
    PresetWithoutKeys,
    /// A parameter without its preset.
    #[error("`{0}` belongs to another preset, or there is no `preset`")]
    ForeignParameter(&'static str),
    /// A preset without its parameter.
    #[error("this preset needs `{0}`")]
    MissingParameter(&'static str),
    /// A parameter that can not be part of an address.
    #[error("`{0}` must be a bare name, without a scheme or slashes")]
    BadParameter(&'static str),
    /// `header` is not a field name.
    #[error("`header` is not a header field's name")]
    BadHeader,
    /// `cookie_name` is not a cookie's name.
    #[error("`cookie_name` is not a cookie's name")]
    BadCookieName,
    /// An interval of zero.
    #[error("`jwks.{0}` must be more than zero")]
    NoInterval(&'static str),
}
