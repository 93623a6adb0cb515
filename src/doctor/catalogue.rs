//! The kinds of faults: what each is, who described it, and how it is closed.

use serde::Serialize;

/// A kind of fault.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// A stable name, such as `identity.forged`.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The fault in a sentence.
    pub title: &'static str,
    /// The CVE, CWE or RFC that describes it.
    pub reference: &'static str,
    /// How to close it.
    pub remedy: &'static str,
}

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that an attacker learns, or a defence that is missing.
    Low,
    /// A fault that needs another one to do harm.
    Medium,
    /// Somebody gets what is not theirs, under conditions that are common.
    High,
    /// Anybody is let in, or is taken for anybody else.
    Critical,
}

impl Severity {
    /// The name in reports.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

macro_rules! kinds {
    ($($name:ident = $id:literal, $severity:ident, $title:literal, $reference:literal, $remedy:literal;)*) => {
        $(
            pub(super) static $name: Kind = Kind {
                id: $id,
                severity: Severity::$severity,
                title: $title,
                reference: $reference,
                remedy: $remedy,
            };
        )*
        /// All kinds, in the order of the documentation.
        #[must_use]
        pub fn all() -> Vec<&'static Kind> {
            vec![$(&$name),*]
        }
    };
}

kinds! {
    // Who somebody is.
    IDENTITY_FORGED = "identity.forged", Critical,
        "An identity field of the client reaches the application",
        "CWE-290; CWE-345",
        "Set or remove every identity field on every request, also on paths without authentication.";
    IDENTITY_UNDERSCORE = "identity.underscore", High,
        "An identity field spelled with underscores reaches the application",
        "CWE-290; CVE-2025-64484; RFC 3875 section 4.1.18",
        "Drop fields with `_` in their names, or treat `_` as `-`: CGI, WSGI and PHP see one name for both.";
    IDENTITY_SPACED = "identity.spaced", High,
        "An identity field with a space before the colon reaches the application",
        "RFC 9112 section 5.1",
        "Answer 400 to white space between a field's name and its colon.";
    IDENTITY_DUPLICATED = "identity.duplicated", High,
        "The client's identity field arrives next to the proxy's",
        "CWE-290",
        "Replace the field instead of appending to it.";
    HOP_STRIPPED = "hop.stripped", High,
        "A field that the proxy sets vanishes when the client lists it in `Connection`",
        "CVE-2022-31813; RFC 9110 section 7.6.1",
        "Apply `Connection` to the client's fields first, then set your own.";
    HOP_FORWARDED = "hop.forwarded", Low,
        "A field that `Connection` lists is forwarded",
        "RFC 9110 section 7.6.1",
        "Remove the fields that `Connection` lists.";
    // Where a request comes from.
    FORWARDED_FOR = "forwarded.for", Medium,
        "`X-Forwarded-For` of the client is kept",
        "CWE-348; RFC 7239 section 8.1",
        "Replace the field unless the peer is a trusted proxy.";
    FORWARDED_PROTO = "forwarded.proto", Medium,
        "`X-Forwarded-Proto` of the client is kept",
        "CWE-348",
        "Set the field from the connection unless the peer is a trusted proxy.";
    FORWARDED_HOST = "forwarded.host", Medium,
        "`X-Forwarded-Host` of the client is kept",
        "CWE-644",
        "Set the field from the request's host, unless the peer is a proxy that sets it itself.";
    FORWARDED_RFC7239 = "forwarded.rfc7239", Medium,
        "`Forwarded` of the client is kept",
        "RFC 7239 section 8.1",
        "Remove or replace the field unless the peer is a trusted proxy.";
    FORWARDED_CLIENT_IP = "forwarded.client-ip", Medium,
        "A field that names the client's address is kept",
        "CWE-348",
        "Remove X-Real-IP, True-Client-IP, X-Client-IP, CF-Connecting-IP and Fastly-Client-IP, or set them.";
    CLIENT_CERTIFICATE = "forwarded.client-certificate", High,
        "A field that tells of a client certificate is kept",
        "RFC 9440 section 2.4",
        "Remove Client-Cert, X-SSL-Client-*, SSL-Client-* and X-Forwarded-Client-Cert, or set them.";
    PATH_OVERRIDE = "override.path", High,
        "A field that replaces the path reaches the application",
        "CVE-2018-14773",
        "Remove X-Original-URL, X-Rewrite-URL and X-Forwarded-Prefix.";
    METHOD_OVERRIDE = "override.method", Medium,
        "A field that replaces the method reaches the application",
        "CWE-436",
        "Remove X-HTTP-Method-Override, X-HTTP-Method and X-Method-Override.";
    HTTPOXY = "field.httpoxy", Medium,
        "The field `Proxy` reaches the application",
        "CVE-2016-5385",
        "Remove the field.";
    // Which path is asked for.
    PATH_CASE = "path.case", High,
        "Another case of the protected path gets through without a credential",
        "CWE-178",
        "Fold the case before choosing the rule, or refuse such paths.";
    PATH_ENCODED = "path.encoded", Critical,
        "A percent-encoded spelling of the protected path gets through without a credential",
        "CWE-177; RFC 3986 section 6.2.2.2",
        "Decide by the decoded path.";
    PATH_DOTS = "path.dot-segments", Critical,
        "A path with dot segments gets through to the protected one without a credential",
        "CWE-22; RFC 3986 section 6.2.2.3",
        "Decide by the path without dot segments and forward that one, or refuse them.";
    PATH_SLASHES = "path.empty-segments", High,
        "A path with an empty segment gets through without a credential",
        "CWE-436",
        "Merge slashes before choosing the rule, or refuse such paths.";
    PATH_MATRIX = "path.parameters", High,
        "A path with a `;` parameter gets through without a credential",
        "CVE-2020-5902; RFC 3986 section 3.3",
        "Refuse `;` in paths, or decide by the path without parameters.";
    PATH_BACKSLASH = "path.backslash", High,
        "A path with a backslash gets through without a credential",
        "CWE-436",
        "Refuse `\\` and `%5C` in paths.";
    PATH_ENCODED_SLASH = "path.encoded-slash", High,
        "A path with an encoded slash gets through without a credential",
        "CVE-2021-42013",
        "Refuse `%2F` in paths, or decide by the decoded path.";
    PATH_SUFFIX = "path.suffix", Medium,
        "The protected path with something at its end gets through without a credential",
        "CVE-2023-20860",
        "Protect by prefix, and refuse trailing dots, spaces, NUL and encoded marks.";
    PATH_ABSOLUTE = "path.absolute-form", High,
        "The absolute form of the protected path gets through without a credential",
        "RFC 9112 section 3.2.2",
        "Decide by the path of the absolute form.";
    PATH_FRAGMENT = "path.fragment", Medium,
        "A request target with a fragment gets through",
        "RFC 9112 section 3.2",
        "Answer 400 to `#` in a request target.";
    METHOD_BYPASS = "method.bypass", High,
        "Another method gets to the protected path without a credential",
        "CWE-650; CVE-2010-0738",
        "Protect paths for all methods.";
    METHOD_TRACE = "method.trace", Medium,
        "TRACE repeats the request with its credentials",
        "RFC 9110 section 9.3.8; CWE-693",
        "Answer 405 to TRACE.";
    // What is one request.
    FRAME_BOTH = "framing.length-and-chunked", High,
        "A request with `Content-Length` and `Transfer-Encoding` is forwarded with both",
        "RFC 9112 section 6.1; CWE-444",
        "Answer 400, or forward one of them.";
    FRAME_TE = "framing.transfer-encoding", High,
        "A malformed `Transfer-Encoding` is forwarded",
        "RFC 9112 section 6.1; CVE-2019-18277",
        "Answer 400 to every transfer coding but a final `chunked`.";
    FRAME_LENGTH = "framing.content-length", High,
        "A request with a malformed or ambiguous `Content-Length` is forwarded",
        "RFC 9112 section 6.3; CVE-2023-40225",
        "Answer 400.";
    FRAME_CHUNK = "framing.chunk", Medium,
        "A body with a malformed chunk is accepted",
        "RFC 9112 section 7.1; CVE-2025-22871",
        "Answer 400 to a bare LF in a chunk line and to sizes that are not hexadecimal.";
    FRAME_CONTROL = "framing.control-bytes", High,
        "A control byte in a field is forwarded",
        "RFC 9110 section 5.5; CWE-113",
        "Answer 400 to NUL, CR and LF in field values.";
    FRAME_FOLD = "framing.folded-line", Medium,
        "A folded field line is forwarded",
        "RFC 9112 section 5.2",
        "Answer 400, or join the lines with a space.";
    FRAME_LINE = "framing.request-line", Medium,
        "A request line with more than one reading is accepted",
        "RFC 9112 section 3",
        "Answer 400 to spaces and tabs in targets, and to unknown versions.";
    FRAME_H2C = "framing.h2c-upgrade", High,
        "`Upgrade: h2c` is forwarded: what follows passes all rules",
        "CWE-444; RFC 9113 section 3.1",
        "Forward no `Upgrade` but `websocket`.";
    HOST_DUPLICATED = "host.duplicated", High,
        "A request with two `Host` fields is accepted",
        "RFC 9112 section 3.2",
        "Answer 400.";
    HOST_FORGED = "host.any", Low,
        "Any `Host` reaches the application",
        "CWE-644",
        "Serve the names that you have, and answer 421 or 404 to others.";
    PROXY_OPEN = "proxy.open", Critical,
        "The proxy connects to where a client says",
        "CWE-918",
        "Choose servers from the configuration only; never from `Host`, the target or a field.";
    HEAD_UNBOUNDED = "limits.header", Low,
        "A header of 256 KiB is accepted",
        "CWE-770",
        "Bound the size of a header.";
    // Tokens.
    TOKEN_NONE = "token.alg-none", Critical,
        "A token without a signature is accepted",
        "RFC 8725 section 3.1; CVE-2015-9235",
        "Accept the algorithms that are configured, and never `none`.";
    TOKEN_UNSIGNED = "token.signature", Critical,
        "A token with a wrong signature is accepted",
        "CWE-347",
        "Verify the signature.";
    TOKEN_CONFUSED = "token.algorithm-confusion", Critical,
        "A token that is signed by HMAC with the public key is accepted",
        "RFC 8725 section 2.1; CVE-2016-10555",
        "Bind each key to its algorithm.";
    TOKEN_WEAK = "token.weak-secret", Critical,
        "A token that is signed with a well-known secret is accepted",
        "RFC 8725 section 3.5; CWE-521",
        "Use a random secret of 32 bytes, or asymmetric keys.";
    TOKEN_PSYCHIC = "token.zero-signature", Critical,
        "An ECDSA signature of zeros is accepted",
        "CVE-2022-21449",
        "Update the library that verifies.";
    TOKEN_OWN_KEY = "token.embedded-key", Critical,
        "A token that brings its own key is accepted",
        "RFC 8725 section 3.10; CVE-2018-0114",
        "Ignore `jwk`, `jku`, `x5c` and `x5u`.";
    TOKEN_FETCH = "token.key-fetched", High,
        "A key set that a token names is fetched",
        "RFC 8725 section 3.10; CWE-918",
        "Ignore `jku` and `x5u`.";
    TOKEN_KID = "token.kid-path", Critical,
        "A token whose `kid` names a file is accepted",
        "CWE-22; CWE-347",
        "Look up `kid` among the fetched keys only.";
    TOKEN_EXPIRED = "token.expired", High,
        "An expired token is accepted",
        "RFC 7519 section 4.1.4",
        "Check `exp`.";
    TOKEN_EARLY = "token.not-yet-valid", Medium,
        "A token is accepted before its `nbf`",
        "RFC 7519 section 4.1.5",
        "Check `nbf`.";
    TOKEN_FOREIGN = "token.foreign", Critical,
        "A token for another audience or of another issuer is accepted",
        "RFC 7519 sections 4.1.1 and 4.1.3; RFC 9068 section 4",
        "Check `iss` and `aud`.";
    TOKEN_QUERY = "token.query", Medium,
        "A token in the query is accepted",
        "RFC 6750 section 5.3; RFC 9700 section 4.3.2",
        "Take tokens from fields and cookies only.";
    TOKEN_TWO = "token.two-fields", Medium,
        "Two `Authorization` fields are accepted",
        "RFC 9110 section 11.6.2; CWE-436",
        "Answer 400 or 401: the application may read the other one.";
    TOKEN_LEAKED = "token.leaked", Medium,
        "The external token reaches the application",
        "RFC 9700 section 4.9.1; RFC 8725 section 3.9",
        "Exchange the token at the proxy, and remove every copy of it.";
    COOKIE_TWINS = "cookie.twins", Medium,
        "Two cookies of one name with different values are accepted",
        "RFC 6265 section 5.4; CWE-384",
        "Refuse the request, or say which one counts: an attacker on a sibling domain can set one.";
    COOKIE_CROSS_SITE = "cookie.cross-site", High,
        "A cookie signs in a request that another site makes",
        "CWE-352",
        "Check `Origin` or `Sec-Fetch-Site` for requests that a cookie signs in.";
    WEBSOCKET_ORIGIN = "websocket.origin", High,
        "A WebSocket is opened by another site with the user's cookie",
        "CWE-1385; RFC 6455 section 10.2",
        "Check `Origin` of the handshake.";
    // What browsers may read.
    CORS_ANY = "cors.any-origin", High,
        "Any origin may read answers with credentials",
        "CWE-942",
        "List the origins that may.";
    CORS_NULL = "cors.null-origin", High,
        "The origin `null` may read answers with credentials",
        "CWE-942",
        "Never allow `null`: every sandboxed frame has it.";
    CORS_LOOKALIKE = "cors.lookalike-origin", High,
        "An origin that only looks like yours may read answers with credentials",
        "CWE-942; CWE-625",
        "Compare origins exactly, not by prefix, suffix or an unanchored pattern.";
    COOKIE_FLAGS = "cookie.flags", Low,
        "A cookie is set without HttpOnly, SameSite, or Secure",
        "CWE-1004; CWE-614; CWE-1275",
        "Set all three.";
    // What anybody sees.
    EXPOSED_METRICS = "exposed.metrics", Medium,
        "Metrics are public",
        "CWE-497",
        "Serve them on an internal listener.";
    EXPOSED_ADMIN = "exposed.admin", High,
        "A page for operators is public",
        "CWE-497; CWE-306",
        "Serve it on an internal listener.";
    EXPOSED_FILES = "exposed.files", High,
        "Files that are not for the public are served",
        "CWE-538",
        "Serve no hidden files.";
    VERSION_DISCLOSED = "exposed.version", Low,
        "A field tells the server's version",
        "CWE-200",
        "Remove version numbers from Server and X-Powered-By.";
    HSTS_MISSING = "tls.hsts", Low,
        "Strict-Transport-Security is missing",
        "RFC 6797",
        "Send it with a max-age of a year.";
    TLS_CERTIFICATE = "tls.certificate", High,
        "The certificate is not trusted",
        "RFC 5280 section 6; RFC 9525",
        "Use a certificate for this name that a public or your own authority has signed.";
    TLS_OLD = "tls.old-version", Medium,
        "TLS 1.0 or 1.1 is accepted",
        "RFC 8996",
        "Accept TLS 1.2 and 1.3 only.";
    // The meaning of a configuration.
    CONFIG_OPEN = "config.open-route", Medium,
        "A route lets everybody through to an upstream that another route protects",
        "CWE-862",
        "Protect the route, or give the open part an upstream of its own.";
    CONFIG_AUDIENCE = "config.no-audience", High,
        "An issuer accepts tokens for any audience",
        "RFC 9068 section 4; RFC 8725 section 3.9",
        "Set the audience of your API.";
    CONFIG_PLAIN = "config.plain-http", High,
        "Cookies and tokens go over plain HTTP",
        "CWE-319; RFC 6750 section 5.3",
        "Serve the site by https and say so in `public_url`.";
    CONFIG_WARNING = "config.warning", Low,
        "The configuration has a setting that costs safety",
        "docs/configuration.md",
        "See what the message says.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_texts_are_sentences() {
        let ids: BTreeSet<_> = all().iter().map(|kind| kind.id).collect();
        assert_eq!(ids.len(), all().len());
        assert!(ids.len() >= 60);
        for kind in all() {
            assert!(kind.remedy.ends_with('.'), "{}", kind.id);
            assert!(!kind.title.ends_with('.'), "{}", kind.id);
        }
    }

    #[test]
    fn the_documentation_has_them_all() {
        let page = include_str!("../../docs/doctor.md");
        for kind in all() {
            let row = format!(
                "| `{}` | {} | {} |",
                kind.id,
                kind.severity.label(),
                kind.title
            );
            assert!(page.contains(&row), "{row}");
        }
    }
}
