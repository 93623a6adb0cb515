//! What each metric is called, what it says, and by what it is divided.
//!
//! Names follow the Prometheus conventions: the unit at the end, `_total` for what only grows.

/// One metric: its name, what it says, its labels.
pub(super) type Description = (&'static str, &'static str, &'static [&'static str]);

pub(super) const DECISIONS: Description = (
    "vestibule_decisions_total",
    "Requests by what was decided about their credential.",
    &["issuer", "source", "outcome", "reason"],
);
pub(super) const REQUESTS: Description = (
    "vestibule_requests_total",
    "Requests answered, by route, method and status class.",
    &["route", "method", "code_class"],
);
pub(super) const REQUEST_DURATION: Description = (
    "vestibule_request_duration_seconds",
    "Time to answer a request.",
    &["route"],
);
pub(super) const UPSTREAM_DURATION: Description = (
    "vestibule_upstream_duration_seconds",
    "Time from choosing a server to the head of its answer.",
    &["upstream"],
);
pub(super) const UPSTREAM_FAILURES: Description = (
    "vestibule_upstream_failures_total",
    "Requests that servers failed, by kind.",
    &["upstream", "kind"],
);
pub(super) const UPSTREAM_RETRIES: Description = (
    "vestibule_upstream_retries_total",
    "Requests sent anew after a failure.",
    &["upstream"],
);
pub(super) const UPSTREAM_HEALTHY: Description = (
    "vestibule_upstream_healthy",
    "Addresses of a configured server that take requests.",
    &["upstream", "server"],
);
pub(super) const VERIFY_DURATION: Description = (
    "vestibule_verify_duration_seconds",
    "Time to verify an external token.",
    &[],
);
pub(super) const EXCHANGE_DURATION: Description = (
    "vestibule_exchange_duration_seconds",
    "Time to exchange a token that was not in the cache.",
    &[],
);
pub(super) const TOKEN_CACHE: Description = (
    "vestibule_token_cache_total",
    "Look-ups of token digests, by result.",
    &["result"],
);
pub(super) const TOKEN_CACHE_ENTRIES: Description = (
    "vestibule_token_cache_entries",
    "Token digests whose session is remembered.",
    &[],
);
pub(super) const TOKEN_CACHE_EVICTIONS: Description = (
    "vestibule_token_cache_evictions_total",
    "Token digests that were forgotten to make room for others.",
    &[],
);
pub(super) const USERS_CREATED: Description = (
    "vestibule_users_created_total",
    "Users created on first sight.",
    &["issuer"],
);
pub(super) const SESSIONS_CREATED: Description = (
    "vestibule_sessions_created_total",
    "Sessions opened.",
    &["issuer"],
);
pub(super) const SESSION_ENDS: Description = (
    "vestibule_session_ends_total",
    "Ends of one or many sessions that were asked for here, by scope and cause.",
    &["scope", "cause"],
);
pub(super) const EMAILS_TAKEN: Description = (
    "vestibule_emails_taken_total",
    "Verified addresses not given to a user because another one holds them.",
    &["issuer"],
);
pub(super) const SESSIONS_LIVE: Description = (
    "vestibule_sessions_live",
    "Sessions known to this gateway.",
    &[],
);
pub(super) const USERS_LIVE: Description = (
    "vestibule_users_live",
    "Users with a session known to this gateway.",
    &[],
);
pub(super) const JWKS_FETCHES: Description = (
    "vestibule_jwks_fetches_total",
    "Fetches of key sets, by result.",
    &["issuer", "result"],
);
pub(super) const JWKS_AGE: Description = (
    "vestibule_jwks_age_seconds",
    "Time since the last successful fetch.",
    &["issuer"],
);
pub(super) const JWKS_KEYS: Description = (
    "vestibule_jwks_keys",
    "Usable keys of the issuer.",
    &["issuer"],
);
pub(super) const JWKS_UNKNOWN_KID: Description = (
    "vestibule_jwks_unknown_kid_total",
    "Tokens with an unknown kid, by what was done.",
    &["issuer", "action"],
);
pub(super) const JWKS_SKIPPED: Description = (
    "vestibule_jwks_entries_skipped_total",
    "Entries of key sets that were passed over.",
    &["issuer", "reason"],
);
pub(super) const SIGNING_KEY_AGE: Description = (
    "vestibule_signing_key_age_seconds",
    "Time since the oldest key in this state began to sign; negative: until the next one does.",
    &["state"],
);
pub(super) const SIGNING_KEY_ROTATION: Description = (
    "vestibule_signing_key_rotation_seconds",
    "How long a key is to sign; absent where keys are not rotated.",
    &[],
);
pub(super) const STORE_DURATION: Description = (
    "vestibule_store_operation_duration_seconds",
    "Time of an operation of the store, good or failed; its count is that of the operations.",
    &["engine", "operation"],
);
pub(super) const STORE_ERRORS: Description = (
    "vestibule_store_errors_total",
    "Operations of the store that failed.",
    &["engine", "operation"],
);
pub(super) const STORE_FEED_LAG: Description = (
    "vestibule_store_feed_lag_seconds",
    "Time since all changes of the store were known to this gateway.",
    &[],
);
pub(super) const STORE_SWEPT: Description = (
    "vestibule_store_swept_rows_total",
    "Rows taken out of the store because their time is long past.",
    &[],
);
pub(super) const STORE_BYTES: Description = (
    "vestibule_store_file_bytes",
    "Size of the embedded store's file; 0 with PostgreSQL.",
    &[],
);
pub(super) const STORE_SWEEPS: Description = (
    "vestibule_store_sweeps_total",
    "Sweeps that went through the whole store.",
    &[],
);
pub(super) const CONFIG_LAST_RELOAD_SUCCESS: Description = (
    "vestibule_config_last_reload_success",
    "Whether the latest reload of the configuration succeeded.",
    &[],
);
pub(super) const CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP: Description = (
    "vestibule_config_last_reload_success_timestamp_seconds",
    "When the configuration in force was read.",
    &[],
);
pub(super) const CONFIG_RELOADS: Description = (
    "vestibule_config_reloads_total",
    "Reloads of the configuration, by what asked for them and how they ended.",
    &["trigger", "result"],
);
pub(super) const CONNECTIONS: Description =
    ("vestibule_connections", "Open public connections.", &[]);
pub(super) const WEBSOCKETS: Description = (
    "vestibule_websockets",
    "Open connections that were switched to another protocol, such as WebSocket.",
    &[],
);
pub(super) const CONNECTIONS_CUT: Description = (
    "vestibule_connections_cut_total",
    "Connections closed by the gateway, by cause.",
    &["cause"],
);
pub(super) const UPSTREAM_WAITING: Description = (
    "vestibule_upstream_waiting_requests",
    "Requests that wait because their upstream has as many as it may.",
    &["upstream"],
);
pub(super) const OVERLOAD_REFUSALS: Description = (
    "vestibule_overload_refusals_total",
    "Requests refused because the process, their client or their upstream had no room for them, by reason.",
    &["reason"],
);
pub(super) const MEMORY_BUDGET: Description = (
    "vestibule_memory_budget_bytes",
    "Memory that connections and requests may hold in all.",
    &[],
);
pub(super) const MEMORY_SPENT: Description = (
    "vestibule_memory_spent_bytes",
    "Memory that the present connections and requests may hold at most.",
    &[],
);
pub(super) const ACCESS_LOG_DROPPED: Description = (
    "vestibule_access_log_dropped_lines_total",
    "Lines of the access log that were not written, because what takes them is too slow or fails.",
    &[],
);
pub(super) const LOG_DROPPED: Description = (
    "vestibule_log_dropped_lines_total",
    "Lines of the program's log that were not written, because what takes them is too slow or fails.",
    &[],
);
pub(super) const SPANS_RECORDED: Description = (
    "vestibule_spans_recorded_total",
    "Spans of sampled traces; those that found no place in the queue are among them.",
    &[],
);
pub(super) const SPANS_EXPORTED: Description = (
    "vestibule_spans_exported_total",
    "Spans that were sent to the collector, by whether it took them.",
    &["result"],
);
pub(super) const CERTIFICATE_EXPIRY: Description = (
    "vestibule_certificate_expiry_timestamp_seconds",
    "When the certificate that is shown stops to be valid.",
    &["listener", "certificate"],
);
pub(super) const CERTIFICATE_RELOADS: Description = (
    "vestibule_certificate_reloads_total",
    "Changes found in the files of certificates, by whether they could be used.",
    &["listener", "result"],
);
pub(super) const RUNTIME_WORKERS: Description = (
    "vestibule_runtime_workers",
    "Threads of the asynchronous runtimes: those of the proxy, those in the background.",
    &["runtime"],
);
pub(super) const RUNTIME_TASKS: Description = (
    "vestibule_runtime_tasks",
    "Tasks that are not done yet.",
    &["runtime"],
);
pub(super) const RUNTIME_QUEUED: Description = (
    "vestibule_runtime_queued_tasks",
    "Tasks that wait for any thread of their runtime.",
    &["runtime"],
);
pub(super) const RUNTIME_BUSY: Description = (
    "vestibule_runtime_busy_seconds_total",
    "Time that the threads did not wait for something to do.",
    &["runtime"],
);
pub(super) const BUILD_INFO: Description = (
    "vestibule_build_info",
    "1, with the version that runs.",
    &["version"],
);
