//! What is degraded at this gateway: `/ready`, the overview and its API say the same.

use std::collections::BTreeMap;

use super::AdminState;
use super::clocks;
use super::complaint::Degraded;
use crate::clock::UnixTime;
use crate::identity::AccessLists;
use crate::jwks::KeysStatus;
use crate::jwt::Issuer;
use crate::metrics::{Metrics, values};
use crate::upstream::Upstream;

/// All that is degraded now, the worst first.
pub(super) async fn degraded(state: &AdminState) -> Vec<Degraded> {
    let webhooks = state.live_config.view().config.webhooks.clone();
    let webhooks = webhooks.iter().map(|webhook| webhook.name.clone());
    let webhooks = webhooks.collect();
    let mut found = state.store_look.degraded(&state.store, webhooks).await;
    found.extend(of_signing_keys(state));
    found.extend(clocks::degraded(state));
    found.extend(
        state
            .issuers()
            .iter()
            .filter_map(|issuer| of_issuer(issuer)),
    );
    found.extend(of_certificates(&state.metrics, UnixTime::now()));
    found.extend(
        state
            .snapshot
            .load()
            .proxy
            .upstreams()
            .filter_map(|upstream| of_upstream(upstream)),
    );
    found.extend(of_access_lists(state.exchange().access_lists()));
    found.extend(of_rates(state));
    found.extend(of_configuration(state));
    let strained = state.admission.strained().into_iter();
    found.extend(strained.map(|text| Degraded::bad(text, "/dashboard/refusals")));
    found.sort_by_key(|degraded| degraded.severity);
    found
}

fn of_signing_keys(state: &AdminState) -> Option<Degraded> {
    let failure = state.exchange().signing_keys().failure()?;
    let text = "the signing keys cannot be read or rotated: tokens that other gateways sign with \
                new keys are refused";
    let degraded = Degraded::bad(text, "/dashboard/keys");
    Some(degraded.because(Some(failure.to_string())))
}

fn of_issuer(issuer: &Issuer) -> Option<Degraded> {
    let (name, keys) = (issuer.name(), issuer.keys().status());
    let page = format!("/dashboard/external/issuer/{name}");
    if !issuer.enabled() {
        return Some(Degraded::warning(format!("issuer {name} is off"), page).wanted());
    }
    let degraded = if !keys.has_keys {
        Degraded::bad(format!("issuer {name} has no keys"), page)
    } else if keys.degraded {
        Degraded::warning(of_failed_fetch(name, &keys), page)
    } else {
        return None;
    };
    Some(degraded.because(keys.last_error))
}

/// The issuer may have answered, and not with keys: the cause says which it was.
fn of_failed_fetch(name: &str, keys: &KeysStatus) -> String {
    let (secrets, public): (Vec<_>, Vec<_>) = keys.keys.iter().partition(|key| key.is_secret());
    let in_use = match (public.is_empty(), secrets.is_empty()) {
        (true, false) => "only its shared secret is in use",
        _ => "its last valid keys are in use",
    };
    format!("the keys of issuer {name} cannot be fetched; {in_use}")
}

/// From the gauges, which say what is presented and not what lies in the files.
fn of_certificates(metrics: &Metrics, now: UnixTime) -> Vec<Degraded> {
    let failing: BTreeMap<String, i64> = values(&metrics.acme_failures)
        .into_iter()
        .filter_map(|(mut labels, failures)| Some((labels.remove("certificate")?, failures)))
        .collect();
    let notices: BTreeMap<_, i64> = values(&metrics.certificate_notice).into_iter().collect();
    let time = |gauge: i64| UnixTime(u64::try_from(gauge).unwrap_or(0));
    values(&metrics.certificate_expiry)
        .into_iter()
        .filter_map(|(labels, expires_at)| {
            let certificate = labels.get("certificate")?;
            let (expires_at, notice) = (time(expires_at), time(*notices.get(&labels)?));
            let notice = match failing.get(certificate) {
                Some(0) => last_notice(notice, expires_at),
                _ => notice,
            };
            let of = format!(
                "the certificate {certificate} of listener {}",
                labels.get("listener")?
            );
            of_certificate(&of, expires_at, now, notice)
        })
        .collect()
}

/// The notice of a certificate that was ordered and whose orders succeed: it is renewed in time, however
/// short it lives, so only the last seventh of the usual time is one. That is a day of a week.
fn last_notice(notice: UnixTime, expires_at: UnixTime) -> UnixTime {
    expires_at.minus(notice.until(expires_at) / 7)
}

fn of_certificate(
    certificate: &str,
    expires_at: UnixTime,
    now: UnixTime,
    notice: UnixTime,
) -> Option<Degraded> {
    let page = "/dashboard/routes";
    if expires_at <= now {
        let text = format!(
            "{certificate} expired at {}, so that clients refuse it: replace it",
            expires_at.rfc3339()
        );
        return Some(Degraded::bad(text, page));
    }
    (notice <= now).then(|| {
        let text = format!(
            "{certificate} expires at {}: find out why it was not renewed",
            expires_at.rfc3339()
        );
        Degraded::warning(text, page)
    })
}

fn of_upstream(upstream: &Upstream) -> Option<Degraded> {
    let (name, page) = (upstream.name(), "/dashboard/routes");
    if upstream.addresses().is_empty() {
        let text = format!("upstream {name} resolves to no address");
        return Some(Degraded::bad(text, page));
    }
    if upstream.are_all_drained() {
        let text = format!(
            "all servers of upstream {name} are drained, so that its requests get 503: end a drain"
        );
        return Some(Degraded::bad(text, page));
    }
    let servers = upstream.servers().into_iter().zip(upstream.healthy());
    let in_use: Vec<(&str, u64)> = servers
        .filter(|(server, _)| !server.overridden.is_drained)
        .map(|(_, healthy)| healthy)
        .collect();
    let down: Vec<&str> = in_use
        .iter()
        .filter(|(_, addresses)| *addresses == 0)
        .map(|(server, _)| *server)
        .collect();
    if down.len() == in_use.len() {
        let text = format!("upstream {name} has no healthy server");
        return Some(Degraded::bad(text, page));
    }
    let failing = upstream.failing_in_use();
    let failing: Vec<&str> = in_use
        .iter()
        .map(|(server, _)| *server)
        .filter(|server| failing.contains(server))
        .collect();
    if !failing.is_empty() {
        let text = format!(
            "upstream {name} has servers that keep failing and are still used, since \
                `ejection.max_percent` allows no more to be ejected: {}",
            failing.join(", ")
        );
        return Some(match down.len() + failing.len() == in_use.len() {
            true => Degraded::bad(text, page),
            false => Degraded::warning(text, page),
        });
    }
    (!down.is_empty()).then(|| {
        let down = down.join(", ");
        let text = format!("upstream {name} has servers that accept no requests: {down}");
        Degraded::warning(text, page)
    })
}

/// Lists that let in or give nobody, or not everybody, whom they seem to. The latter is so by `email_trusted`.
fn of_access_lists(lists: &AccessLists) -> Vec<Degraded> {
    let page = "/dashboard/access";
    let shortfalls = lists.shortfalls().iter();
    let degraded = shortfalls.map(|shortfall| {
        let (list, of_nobody, of_some) = (&shortfall.list, shortfall.of_nobody, shortfall.of_some);
        if of_nobody > 0 {
            let text = format!(
                "access list {list} has entries that mean nobody ({of_nobody}): name an issuer that \
                 is configured"
            );
            return Degraded::bad(text, page);
        }
        let text = format!(
            "access list {list} has entries that count for issuers with `email_trusted` only ({of_some})"
        );
        Degraded::warning(text, page).wanted()
    });
    degraded.collect()
}

fn of_rates(state: &AdminState) -> Option<Degraded> {
    let exchange = state.exchange();
    let sharing = exchange.rates().sharing()?;
    sharing.is_alone().then(|| {
        let text = "rate limits are counted by this gateway alone: all gateways together let more \
                    pass until the database responds";
        Degraded::warning(text, "/dashboard/refusals")
    })
}

fn of_configuration(state: &AdminState) -> Vec<Degraded> {
    let mut found = Vec::new();
    let last = state.live_config.last_attempt();
    if let Some(attempt) = last.filter(|attempt| !attempt.succeeded) {
        let text = match attempt.waits_for_restart() {
            true => {
                "the configuration file conflicts with what only changes with a restart; restart or \
                     upgrade to apply it"
            }
            false => "the configuration file is invalid; the last valid one stays in force",
        };
        found.push(Degraded::warning(text, "/dashboard/routes"));
    }
    let view = state.live_config.view();
    if !view.needs_restart.is_empty() {
        let keys = view.needs_restart.join(", ");
        let text = format!("changes to {keys} in the file need a restart");
        found.push(Degraded::warning(text, "/dashboard/routes"));
    }
    for aside in &view.conflicting {
        let text = format!("issuer {} is set aside", aside.name);
        let degraded = Degraded::warning(text, "/dashboard/external");
        found.push(degraded.because(Some(aside.reason.to_string())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::complaint::Severity;
    use crate::jwks::{IssuerKeys, KeyRow, KeySet};

    const DAY: i64 = 24 * 3600;

    /// What is said of a certificate that ends in so many seconds, and whose notice begins so many
    /// before its end.
    fn of_one(expires_in: i64, notice: i64, failures: Option<i64>) -> Option<Severity> {
        let metrics = Metrics::new().unwrap();
        let now = UnixTime(1_800_000_000);
        let expires_at = i64::try_from(now.0).unwrap() + expires_in;
        let labels = ["public", "app.example"];
        for (gauge, time) in [
            (&metrics.certificate_expiry, expires_at),
            (&metrics.certificate_notice, expires_at - notice),
        ] {
            gauge.with_label_values(&labels).set(time);
        }
        if let Some(failures) = failures {
            let gauge = metrics.acme_failures.with_label_values(&["app.example"]);
            gauge.set(failures);
        }
        let found = of_certificates(&metrics, now);
        assert!(found.iter().all(|one| {
            one.text
                .starts_with("the certificate app.example of listener public expire")
        }));
        found.first().map(|degraded| degraded.severity)
    }

    #[test]
    fn a_certificate_is_a_complaint_before_and_after_its_end() {
        assert_eq!(of_one(8 * DAY, 7 * DAY, None), None);
        assert_eq!(of_one(6 * DAY, 7 * DAY, None), Some(Severity::Warning));
        assert_eq!(of_one(0, 7 * DAY, None), Some(Severity::Bad));
    }

    /// One of a day is never a week before its end.
    #[test]
    fn a_short_life_has_a_short_notice() {
        assert_eq!(of_one(DAY, DAY / 3, None), None);
        assert_eq!(of_one(DAY / 2, DAY / 3, None), None);
        assert_eq!(of_one(DAY / 3, DAY / 3, None), Some(Severity::Warning));
        assert_eq!(of_one(DAY / 12, DAY / 3, Some(0)), None);
        assert_eq!(of_one(DAY / 21, DAY / 3, Some(0)), Some(Severity::Warning));
        assert_eq!(of_one(-1, DAY / 3, None), Some(Severity::Bad));
    }

    #[test]
    fn a_certificate_that_is_renewed_by_itself_may_be_near_its_end() {
        assert_eq!(of_one(3 * DAY, 7 * DAY, Some(0)), None);
        assert_eq!(of_one(3 * DAY, 7 * DAY, Some(1)), Some(Severity::Warning));
        assert_eq!(of_one(DAY, 7 * DAY, Some(0)), Some(Severity::Warning));
        assert_eq!(of_one(-1, 7 * DAY, Some(0)), Some(Severity::Bad));
    }

    /// Of an issuer whose keys never came, none are in use.
    #[test]
    fn a_failed_fetch_tells_what_is_in_use() {
        let pair = crate::jwt::fixture::Signer::new("ES256");
        let set = serde_json::json!({ "keys": [pair.jwk("k")] }).to_string();
        let set = KeySet::parse(set.as_bytes()).unwrap();
        let fetched = IssuerKeys::fixed(set).status().keys;
        let secret = vec![KeyRow {
            kid: None,
            kind: "oct",
            algorithms: vec!["HS256"],
        }];
        let mut status = IssuerKeys::fixed(KeySet::default()).status();
        for (keys, in_use) in [
            (fetched.clone(), "its last valid keys are in use"),
            (
                [fetched, secret.clone()].concat(),
                "its last valid keys are in use",
            ),
            (secret, "only its shared secret is in use"),
        ] {
            status.keys = keys;
            let expected = format!("the keys of issuer acme cannot be fetched; {in_use}");
            assert_eq!(of_failed_fetch("acme", &status), expected);
        }
    }

    #[test]
    fn only_operators_read_a_cause() {
        let degraded = Degraded::warning("issuer acme is away", "/dashboard");
        let degraded = degraded.because(Some("acme.internal: 500".to_owned()));
        assert_eq!(degraded.text, "issuer acme is away");
        let complaint = crate::admin::complaint::Complaint::from(degraded);
        assert_eq!(complaint.text, "issuer acme is away: acme.internal: 500");
    }
}
