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
    /// The secret is shorter than the hash's output (RFC 7518 section 3.2).
    #[error("`hs256_secret` must have at least 32 bytes (RFC 7518 section 3.2)")]
    ShortSecret,
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
