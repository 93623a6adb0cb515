//! The demo's configuration file.

use std::path::Path;

use super::Addresses;

/// The cookie in which the demo's issuer keeps its token.
pub(super) const COOKIE: &str = "demo_token";

/// The audience of the demo's tokens.
pub(super) const AUDIENCE: &str = "vestibule-demo";

/// The configuration as YAML: one issuer, one upstream, two routes.
///
/// With `quiet` only warnings are logged, so that the walk's output can be read.
pub(super) fn yaml(addresses: &Addresses, store: &Path, quiet: bool) -> String {
    let Addresses {
        gateway,
        admin,
        issuer,
        upstream,
    } = addresses;
    let (level, access) = if quiet {
        ("warn", false)
    } else {
        ("info", true)
    };
    // A JSON string is a YAML string, whatever the path holds.
    let store = serde_json::Value::from(store.to_string_lossy());
    format!(
        "\
public_url: http://{gateway}
listeners:
  - address: {gateway}
issuers:
  - name: demo
    iss: http://{issuer}
    jwks_url: http://{issuer}/jwks.json
    aud: {AUDIENCE}
    cookie_name: {COOKIE}
    required_for_ready: true
upstreams:
  app:
    servers: [\"{upstream}\"]
routes:
  - path: /
    auth: optional
    upstream: app
  - path: /private
    auth: required
    upstream: app
    login_url: http://{issuer}/login
store:
  path: {store}
admin:
  address: {admin}
log:
  level: {level}
  access: {access}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::route::settings::Access;

    #[test]
    fn is_a_configuration() {
        let at = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses {
            gateway: at(1),
            admin: at(2),
            issuer: at(3),
            upstream: at(4),
        };
        let text = yaml(&addresses, Path::new("/a folder/\"odd\": name.redb"), false);
        let config: Config = serde_yaml::from_str(&text).unwrap();
        assert_eq!(config.listeners[0].address.inet(), Some(at(1)));
        assert_eq!(config.issuers[0].iss, "http://127.0.0.1:3");
        assert_eq!(config.issuers[0].aud, [AUDIENCE]);
        assert_eq!(
            config.upstreams["app"].servers[0].address.as_str(),
            "127.0.0.1:4"
        );
        assert_eq!(config.routes[0].auth, Access::Optional);
        assert_eq!(config.routes[1].auth, Access::Required);
        assert_eq!(config.store.path, Path::new("/a folder/\"odd\": name.redb"));
        assert_eq!(config.admin.address, at(2));
    }
}
