use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::State;
use crate::clock::UnixTime;
use crate::config::load::parse;
use crate::live_config::{ChangeError, OverrideKind, StoredOverride};

/// The state of a gateway whose upstream `app` has three servers.
async fn state(folder: &Path) -> State {
    let text = format!(
        "\
public_url: http://a.test
listeners: [{{address: '127.0.0.1:0'}}]
upstreams:
  app: {{servers: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']}}
store: {{path: '{}'}}
",
        folder.join("store.redb").display()
    );
    let config = parse(text.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"));
    State::build(&config).await.unwrap()
}

fn drain(upstream: &str, server: &str, since: UnixTime, until: UnixTime) -> StoredOverride {
    StoredOverride {
        upstream: upstream.to_owned(),
        server: server.to_owned(),
        kind: OverrideKind::Drained,
        since,
        until,
        by: "ops".to_owned(),
    }
}

fn setting_of(says: &StoredOverride) -> String {
    format!("server_override/drained/{}/{}", says.upstream, says.server)
}

/// Puts it into the store, as another gateway would.
async fn keep(state: &State, says: &StoredOverride) {
    let text = serde_json::to_string(says).unwrap();
    let (setting, now) = (setting_of(says), UnixTime::now());
    let kept = state
        .store
        .replace_setting(&setting, None, Some(&text), now);
    kept.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_that_nobody_needs_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path()).await;
    let now = UnixTime::now();
    let ago = |seconds| now.minus(Duration::from_secs(seconds));
    let later = now.plus(Duration::from_secs(3600));
    let (day, minute) = (24 * 3600, 60);
    let kept = [
        drain("app", "127.0.0.1:1", ago(day + minute), later),
        // It is over, and a gateway whose clock is behind may not know yet.
        drain("app", "127.0.0.1:2", ago(day + minute), ago(1)),
        // Another gateway may have a configuration with this server.
        drain("app", "gone.test:1", ago(day - minute), later),
    ];
    let swept = [
        drain("app", "127.0.0.1:3", ago(day), ago(2 * minute)),
        drain("app", "gone.test:2", ago(day + minute), later),
        drain("former", "127.0.0.1:1", ago(day + minute), later),
    ];
    for says in kept.iter().chain(&swept) {
        keep(&state, says).await;
    }
    // Once, because it is to stop already.
    let (_stop, stopped) = watch::channel(true);
    Arc::clone(&state.live_config).follow(stopped).await;
    let left = state.store.settings("server_override/").await.unwrap();
    let left: BTreeSet<_> = left.into_iter().map(|(setting, _)| setting).collect();
    let kept: BTreeSet<_> = kept.iter().map(setting_of).collect();
    assert_eq!(left, kept);
    state.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_are_at_most_200() {
    let folder = tempfile::tempdir().unwrap();
    let state = state(folder.path()).await;
    let now = UnixTime::now();
    let later = now.plus(Duration::from_secs(3600));
    for number in 0..200 {
        let server = format!("gone.test:{number}");
        keep(&state, &drain("app", &server, now, later)).await;
    }
    let own = drain("app", "127.0.0.1:1", now, later);
    let one_more = state.live_config.override_server(own.clone()).await;
    assert!(
        matches!(&one_more, Err(ChangeError::Invalid(found)) if found.len() == 1),
        "{one_more:?}"
    );

    let other = drain("app", "gone.test:0", now, later);
    let text = serde_json::to_string(&other).unwrap();
    let setting = setting_of(&other);
    let gone = state
        .store
        .replace_setting(&setting, Some(&text), None, now);
    gone.await.unwrap();
    state
        .live_config
        .override_server(own.clone())
        .await
        .unwrap();
    // In place of one that there is, it is none more.
    state.live_config.override_server(own).await.unwrap();
    state.store.close().await;
}
