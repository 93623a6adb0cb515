//! Why the settings of an issuer in the file are invalid.

/// Why the settings of an issuer in the file are invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The name is empty.
    #[error("`name` must not be empty")]
    NoName,
    /// Neither `iss` nor `iss_template`.
    #[error("`iss` is missing: set it to the exact `iss` of this issuer's tokens")]
    NoIss,
    /// Both of them.
    #[error("`iss` and `iss_template` cannot be used together")]
    IssTwice,
    /// `tenants` without a template.
    #[error("`tenants` requires `iss_template`")]
    TenantsWithoutTemplate,
    /// The template has no placeholder for the tenant.
    #[error("`iss_template` must contain `{{tenantid}}`")]
    TemplateWithoutPlace,
    /// A template without tenants.
    #[error("`iss_template` requires `tenants`, the ids of the trusted tenants")]
    NoTenants,
    /// The claim of the tenant without a template.
    #[error("`tenant_claim` requires `iss_template`")]
    TenantClaimWithoutTemplate,
    /// Entra's endpoint for several tenants instead of a tenant.
    #[error(
        "`{0}` names an endpoint for many tenants, not a tenant: no token is of it; write the ids of the \
         tenants that may sign in: `tenants: [ID, ID]`"
    )]
    ManyTenants(&'static str),
    /// No id of one of Entra's directories.
    #[error(
        "`{0}` must be the directory (tenant) id, such as `8e8f4a52-3c7e-4b7c-9d0e-6f1d2c3b4a59`: tokens \
         never have a domain there; the id is on the overview page of Entra, and several are written \
         `tenants: [ID, ID]`"
    )]
    NoDirectory(&'static str),
    /// An empty list of accepted values.
    #[error(
        "an empty list says neither which values are accepted nor that all are; list them, or omit the key to \
         accept all"
    )]
    NothingAccepted,
    /// An empty list of accepted values of a required claim.
    #[error(
        "`{0}` has an empty list, which says neither which values are accepted nor that all are; list them, or \
         write `~` for any value"
    )]
    NoValueAccepted(String),
    /// Discovery of a template.
    #[error("`discovery` requires an exact `iss`; with `iss_template`, set `jwks_url`")]
    DiscoveryOfTemplate,
    /// No source of keys.
    #[error("no keys: set one of `jwks_url`, `discovery: true`, `jwks_file`, `keys`")]
    NoKeys,
    /// Several sources of keys.
    #[error("`jwks_url`, `discovery`, `jwks_file` and `keys` cannot be used together")]
    KeysTwice,
    /// Not an address.
    #[error("not an http or https URL: `{0}`")]
    NoUrl(String),
    /// User information in the address of this key, which is not quoted for that.
    #[error("`{0}` must not contain a user name or password")]
    UrlWithPassword(&'static str),
    /// Plaintext to an address that is not on loopback.
    #[error("`{0}` is not https; `insecure_http: true` allows http outside loopback")]
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
    /// Algorithms of public keys, and only a secret.
    #[error(
        "`algorithms` is for public keys, and this issuer has only `hs256_secret`, with which HS256 alone is \
         accepted; remove one of the two"
    )]
    AlgorithmsOfSecret,
    /// A `typ` of tokens that are no login.
    #[error("`accepted_types` cannot have `{0}`: a token of this type is not a login")]
    ForeignType(String),
    /// An alias that is no `iss`, or has no place for the tenant.
    #[error(
        "`iss_aliases` must not be empty, and must contain `{{tenantid}}` with `iss_template`, and only then"
    )]
    BadAlias,
    /// A workload preset that would trust strangers.
    #[error(
        "this preset needs `required_claims` with accepted values of one of: {0}; anyone on the internet can \
         get tokens of this issuer"
    )]
    NobodyTrusted(&'static str),
    /// A signer that is no ARN.
    #[error("`signer` must be the ARN of the load balancer that signs, or a list of them")]
    BadSigner,
    /// The address of a key.
    #[error("`jwks_url` may contain `{{kid}}` once, in its path")]
    BadKeyAddress,
    /// A preset that has no address of its own for the keys.
    #[error("this preset needs the source of the keys: `jwks_url`, `jwks_file` or `keys`")]
    PresetWithoutKeys,
    /// A parameter without its preset.
    #[error("`{0}` requires another `preset`")]
    ForeignParameter(&'static str),
    /// A preset without its parameter.
    #[error("this preset requires `{0}`")]
    MissingParameter(&'static str),
    /// A parameter that cannot be part of an address.
    #[error(
        "`{0}` must be a bare name, without a scheme or slashes; if it has other characters than \
         letters, digits, `-`, `_` and `.`, set `iss` and `jwks_url` instead of a preset"
    )]
    BadParameter(&'static str),
    /// `header` is not a field name.
    #[error("`header` is not a header field name")]
    BadHeader,
    /// `cookie_name` is not a cookie's name.
    #[error("`cookie_name` is not a cookie name")]
    BadCookieName,
    /// Not a host's name.
    #[error("`cookie_domain` is not a host name")]
    BadCookieDomain,
    /// Not a path.
    #[error("`cookie_path` must start with `/` and have no spaces or `;`")]
    BadCookiePath,
    /// An interval of zero.
    #[error("`jwks.{0}` must be greater than zero")]
    NoInterval(&'static str),
}
