//! What runs beside the proxy, on a runtime that outlives the proxy's own: the operators' listener,
//! what follows files and the store, deliveries and orders.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::notify::{Notifier, NotifyState};
use super::reread::Reread;
use super::shared_rates::RateExchanges;
use super::sockets::Sockets;
use super::state::{State, StateError};
use super::telemetry_setup::Records;
use super::tls::Certificates;
use super::{ServeError, admin_listener, log_reopen, maintenance};
use crate::acme::Challenges;
use crate::config::Config;
use crate::live_config::{self, LiveConfig, Reload};

/// What runs in the background, and what the proxy needs of it.
pub(super) struct Background {
    /// The listeners' certificates, which are replaced when their files or orders are.
    pub(super) certificates: Certificates,
    /// What answers challenges by HTTP; none if nothing is ordered.
    pub(super) challenges: Option<Arc<Challenges>>,
    /// Where requests are recorded.
    pub(super) records: Records,
    /// Tells the service manager how far the process is.
    pub(super) notifier: Notifier,
    /// Ends the operators' listener.
    pub(super) stop_admin: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    delivering: JoinHandle<()>,
    ordering: JoinHandle<()>,
}

/// The runtime of everything in the background.
pub(super) fn runtime() -> Result<Runtime, ServeError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("background")
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)
}

impl Background {
    /// Starts all of it. `reload` and `reopen` receive SIGHUP and SIGUSR1.
    pub(super) fn start(
        runtime: &Runtime,
        config: &Config,
        state: &State,
        sockets: &Sockets,
        (reload, reopen): (Signal, Signal),
    ) -> Result<Self, ServeError> {
        let (stop, stopped) = watch::channel(false);
        let handle = runtime.handle().clone();
        state.metrics.collect_runtime("background", handle);
        let orders = runtime.block_on(state.orders(config))?;
        let tickets = runtime.block_on(state.tickets(config))?;
        let certificates = Certificates::load(config, &orders, tickets.as_ref(), &state.metrics)?;
        let challenges = orders.challenges();

        let admin_socket = sockets.admin().map_err(ServeError::Runtime)?;
        let (stop_admin, admin_stopped) = watch::channel(false);
        let admin_tls = certificates.of_admin();
        let (reread, hurries) = Reread::new(certificates.clone());
        admin_listener::start(
            runtime,
            admin_socket,
            config,
            state,
            admin_tls,
            &reread,
            admin_stopped,
        );
        follow(runtime, state, &stopped);
        let notifier = Notifier::of_environment();
        runtime.spawn(reload_at_hangup(
            Arc::clone(&state.live_config),
            reload,
            reread,
            notifier.clone(),
            stopped.clone(),
        ));
        runtime.spawn(certificates.clone().watch(stopped.clone()));
        share_rates(runtime, config, state, &stopped);
        let changes = state.exchange().changes().setting_changes();
        if let Some(tickets) = tickets {
            runtime.spawn(tickets.run(changes.clone(), stopped.clone()));
        }
        let ordering = runtime.spawn(orders.run(changes, hurries, stopped.clone()));
        let delivering = deliver(runtime, config, state, &stopped)?;
        runtime.spawn(live_config::watch_file(
            Arc::clone(&state.live_config),
            stopped.clone(),
        ));
        let records = Records::start(config, &state.metrics, runtime.handle())?;
        let access_log = Arc::clone(&records.access_log);
        runtime.spawn(log_reopen::at_signal(access_log, reopen, stopped.clone()));
        let admission = Arc::clone(&state.admission);
        let longest = config.limits.keepalive_timeout;
        runtime.spawn(async move { admission.memory().make_room(longest, stopped).await });
        Ok(Self {
            certificates,
            challenges,
            records,
            notifier,
            stop_admin,
            stop,
            delivering,
            ordering,
        })
    }

    /// Stops all of it and closes the store, once nothing is served any more.
    pub(super) fn shut_down(self, runtime: &Runtime, state: &State) {
        let Self {
            records,
            stop_admin,
            stop,
            delivering,
            ordering,
            ..
        } = self;
        stop.send_replace(true);
        stop_admin.send_replace(true);
        runtime.block_on(maintenance::write_activity(state));
        // They let go in the store of what they hold of it.
        let let_go = async { timeout(LET_GO, futures::future::join(delivering, ordering)).await };
        let _ = runtime.block_on(let_go);
        runtime.block_on(state.store.close());
        records.close();
    }
}

/// Keeps the store in order, and follows its changes.
fn follow(runtime: &Runtime, state: &State, stopped: &watch::Receiver<bool>) {
    runtime.spawn(maintenance::keep_house(state.clone(), stopped.clone()));
    runtime.spawn(Arc::clone(state.exchange().changes()).follow(stopped.clone()));
    runtime.spawn(Arc::clone(&state.live_config).follow(stopped.clone()));
}

/// Reads configuration and certificates again at each SIGHUP, and tells the service manager.
async fn reload_at_hangup(
    live_config: Arc<LiveConfig>,
    hangups: Signal,
    reread: Reread,
    notifier: Notifier,
    stopped: watch::Receiver<bool>,
) {
    live_config::on_hangup(live_config, hangups, stopped, move |reload| {
        if reload == Reload::Begun {
            reread.begin();
        }
        notifier.send(&[match reload {
            Reload::Begun => NotifyState::Reloading,
            Reload::Over => NotifyState::Ready,
        }]);
    })
    .await;
}

/// Counts rates together with the store's other gateways, where that is configured.
fn share_rates(runtime: &Runtime, config: &Config, state: &State, stopped: &watch::Receiver<bool>) {
    if let Some(sharing) = state.exchange().rates().sharing() {
        let exchanges = RateExchanges {
            sharing: Arc::clone(sharing),
            store: Arc::clone(&state.store),
            metrics: Arc::clone(&state.metrics),
            every: config.limits.rates.shared_interval,
        };
        runtime.spawn(exchanges.run(stopped.clone()));
    }
}

/// Delivers events to webhooks.
fn deliver(
    runtime: &Runtime,
    config: &Config,
    state: &State,
    stopped: &watch::Receiver<bool>,
) -> Result<JoinHandle<()>, ServeError> {
    let webhooks = state.webhooks();
    runtime
        .block_on(webhooks.begin(&config.webhooks))
        .map_err(StateError::from)?;
    let live_config = Arc::clone(&state.live_config);
    let configured = move || live_config.view().config.webhooks.clone();
    Ok(runtime.spawn(webhooks.run(configured, stopped.clone())))
}

/// How long the delivery of events and orders of certificates can take to stop.
const LET_GO: Duration = Duration::from_secs(2);
