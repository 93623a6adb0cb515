//! What each metric is called, what it says, and by what it is divided.
//!
//! Names follow the Prometheus conventions: the unit at the end, `_total` for what only grows.

/// One metric: its name, what it says, its labels.
pub(super) type Description = (&'static str, &'static str, &'static [&'static str]);

pub(super) const DECISIONS: Description = (
    "vestibule_decisions_total",
    "Requests by the decision about their credential.",
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
    "Time from choosing a server to the header of its response.",
    &["upstream", "server"],
);
pub(super) const UPSTREAM_FAILURES: Description = (
    "vestibule_upstream_failures_total",
    "Requests that failed at a server, by kind of failure.",
    &["upstream", "kind"],
);
pub(super) const UPSTREAM_RETRIES: Description = (
    "vestibule_upstream_retries_total",
    "Requests retried after a failure.",
    &["upstream"],
);
pub(super) const UPSTREAM_HEALTHY: Description = (
    "vestibule_upstream_healthy",
    "Addresses of a configured server that accept requests.",
    &["upstream", "server"],
);
pub(super) const UPSTREAM_DRAINED: Description = (
    "vestibule_upstream_drained",
    "1 for a configured server that an operator drains, otherwise 0.",
    &["upstream", "server"],
);
pub(super) const UPSTREAM_WEIGHT: Description = (
    "vestibule_upstream_weight",
    "The weight of a configured server now.",
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
    "Token digests whose session is cached.",
    &[],
);
pub(super) const TOKEN_CACHE_EVICTIONS: Description = (
    "vestibule_token_cache_evictions_total",
    "Token digests evicted to make room for others.",
    &[],
);
pub(super) const USERS_CREATED: Description = (
    "vestibule_users_created_total",
    "Users created on first sign-in.",
    &["issuer"],
);
pub(super) const SESSIONS_CREATED: Description = (
    "vestibule_sessions_created_total",
    "Sessions opened.",
    &["issuer"],
);
pub(super) const SESSION_ENDS: Description = (
    "vestibule_session_ends_total",
    "Revocations of one or more sessions at this gateway, by scope and cause.",
    &["scope", "cause"],
);
pub(super) const DEVICE_PROOFS: Description = (
    "vestibule_device_proofs_total",
    "Proofs of the keys of browsers' devices: `registered`, `refreshed`, or the reason of the refusal.",
    &["result"],
);
pub(super) const EMAILS_TAKEN: Description = (
    "vestibule_emails_taken_total",
    "Verified email addresses not assigned to a user because another user has them.",
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
    "Fetches of key sets, by result: `changed`, `unchanged`, or why one failed.",
    &["issuer", "result"],
);
pub(super) const JWKS_AGE: Description = (
    "vestibule_jwks_age_seconds",
    "Time since the last successful fetch; absent while the issuer is off.",
    &["issuer"],
);
pub(super) const JWKS_OVERDUE: Description = (
    "vestibule_jwks_overdue_seconds",
    "Time by which the last successful fetch is older than `issuers[].jwks` allows between two; 0 while \
     fetches are on time.",
    &["issuer"],
);
pub(super) const JWKS_KEYS: Description = (
    "vestibule_jwks_keys",
    "Usable keys that are known of the issuer; absent while it is off.",
    &["issuer"],
);
pub(super) const JWKS_AVAILABLE: Description = (
    "vestibule_jwks_available",
    "1 if the issuer's tokens can be verified, also where each key is fetched once a token names it; 0 while \
     they get 503; absent while the issuer is off.",
    &["issuer"],
);
pub(super) const JWKS_UNKNOWN_KID: Description = (
    "vestibule_jwks_unknown_kid_total",
    "Tokens with an unknown kid, by the action taken.",
    &["issuer", "action"],
);
pub(super) const JWKS_SKIPPED: Description = (
    "vestibule_jwks_entries_skipped_total",
    "Entries of key sets that were skipped.",
    &["issuer", "reason"],
);
pub(super) const SIGNING_KEY_AGE: Description = (
    "vestibule_signing_key_age_seconds",
    "Time since the oldest key in this state started signing; negative for a key that has not \
     started yet.",
    &["state"],
);
pub(super) const SIGNING_KEY_ROTATION: Description = (
    "vestibule_signing_key_rotation_seconds",
    "How long a key signs; absent if keys are not rotated.",
    &[],
);
pub(super) const SIGNING_KEYS_UNREADABLE: Description = (
    "vestibule_signing_keys_unreadable",
    "1 while this gateway cannot read the signing keys as they are kept, and uses those that it knows.",
    &[],
);
pub(super) const STORE_DURATION: Description = (
    "vestibule_store_operation_duration_seconds",
    "Duration of store operations, successful or failed.",
    &["engine", "operation"],
);
pub(super) const STORE_ERRORS: Description = (
    "vestibule_store_errors_total",
    "Failed store operations.",
    &["engine", "operation"],
);
pub(super) const STORE_FEED_LAG: Description = (
    "vestibule_store_feed_lag_seconds",
    "Time since this gateway last knew all changes of the store.",
    &[],
);
pub(super) const STORE_SWEPT: Description = (
    "vestibule_store_swept_rows_total",
    "Expired rows removed from the store.",
    &[],
);
pub(super) const RATE_EXCHANGES: Description = (
    "vestibule_rate_exchanges_total",
    "Exchanges of counted requests with other gateways (`limits.rates.shared`), by result.",
    &["result"],
);
pub(super) const RATES_ALONE: Description = (
    "vestibule_rates_counted_alone",
    "1 while this gateway cannot exchange counts with the others and keeps rate limits by itself.",
    &[],
);
pub(super) const RATES_NEAR_LIMIT: Description = (
    "vestibule_rates_near_limit",
    "Clients and users that have used more than half of a shared rate limit.",
    &[],
);
pub(super) const RATES_UNSHARED: Description = (
    "vestibule_rates_unshared_total",
    "Requests that count towards shared rate limits at this gateway only, for want of room.",
    &[],
);
pub(super) const WEBHOOK_EVENTS: Description = (
    "vestibule_webhook_events",
    "Events that a webhook has not accepted, at the gateway that delivers: `waiting` (not sent yet), \
     `pending` (sent again) and `parked` (given up).",
    &["webhook", "state"],
);
pub(super) const WEBHOOK_LAG: Description = (
    "vestibule_webhook_lag_seconds",
    "Age of the oldest event that a webhook has not accepted and that is not parked, at the gateway \
     that delivers.",
    &["webhook"],
);
pub(super) const WEBHOOK_ATTEMPTS: Description = (
    "vestibule_webhook_attempts_total",
    "Requests to webhooks, by whether the receiver accepted the event.",
    &["webhook", "outcome"],
);
pub(super) const WEBHOOK_LOST: Description = (
    "vestibule_webhook_lost_events_total",
    "Events that were removed before they were sent to a webhook.",
    &["webhook"],
);
pub(super) const STORE_BYTES: Description = (
    "vestibule_store_file_bytes",
    "Size of the embedded store's file; 0 with PostgreSQL.",
    &[],
);
pub(super) const CLOCK_AHEAD: Description = (
    "vestibule_clock_ahead_seconds",
    "By how much this machine's clock is at least ahead of another's, negative if it is behind.",
    &["source"],
);
pub(super) const STORE_SWEEPS: Description = (
    "vestibule_store_sweeps_total",
    "Completed sweeps of the whole store.",
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
pub(super) const CONFIG_NEEDS_RESTART: Description = (
    "vestibule_config_needs_restart",
    "1 if the file, as it was last read, has changes that only a restart or an upgrade applies, otherwise 0.",
    &[],
);
pub(super) const CONFIG_RELOADS: Description = (
    "vestibule_config_reloads_total",
    "Reloads of the configuration, by trigger and result.",
    &["trigger", "result"],
);
pub(super) const CONNECTIONS: Description =
    ("vestibule_connections", "Open public connections.", &[]);
pub(super) const CONNECTIONS_MAX: Description = (
    "vestibule_connections_max",
    "The number of public connections that can be open.",
    &[],
);
pub(super) const WEBSOCKETS: Description = (
    "vestibule_websockets",
    "Open connections that switched to another protocol, such as WebSocket.",
    &[],
);
pub(super) const CONNECTIONS_CUT: Description = (
    "vestibule_connections_cut_total",
    "Connections closed by the gateway, by cause.",
    &["cause"],
);
pub(super) const UPSTREAM_WAITING: Description = (
    "vestibule_upstream_waiting_requests",
    "Requests waiting because their upstream has reached `max_requests`.",
    &["upstream"],
);
pub(super) const OVERLOAD_REFUSALS: Description = (
    "vestibule_overload_refusals_total",
    "Requests refused because the process, their client or their upstream had no room for them, by reason.",
    &["reason"],
);
pub(super) const ADMIN_REFUSALS: Description = (
    "vestibule_admin_refusals_total",
    "Tokens that the admin listener refused, by reason.",
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
    "Lines of the access log that were dropped because the destination was too slow or failed.",
    &[],
);
pub(super) const LOG_DROPPED: Description = (
    "vestibule_log_dropped_lines_total",
    "Lines of the program's log that were not written, because what takes them is too slow or fails.",
    &[],
);
pub(super) const SPANS_RECORDED: Description = (
    "vestibule_spans_recorded_total",
    "Spans of sampled traces, including those dropped because the queue was full.",
    &[],
);
pub(super) const SPANS_EXPORTED: Description = (
    "vestibule_spans_exported_total",
    "Spans sent to the collector, by whether it accepted them.",
    &["result"],
);
pub(super) const CERTIFICATE_EXPIRY: Description = (
    "vestibule_certificate_expiry_timestamp_seconds",
    "When the certificate in use expires.",
    &["listener", "certificate"],
);
pub(super) const CERTIFICATE_NOTICE: Description = (
    "vestibule_certificate_notice_timestamp_seconds",
    "From when on the certificate in use should have been replaced: a week before it expires, or at the last third of a shorter life.",
    &["listener", "certificate"],
);
pub(super) const CERTIFICATE_RELOADS: Description = (
    "vestibule_certificate_reloads_total",
    "Changes of certificate files, by whether they could be loaded.",
    &["listener", "result"],
);
pub(super) const ACME_ORDERS: Description = (
    "vestibule_acme_orders_total",
    "Certificates that this gateway ordered, by whether they were issued.",
    &["certificate", "outcome"],
);
pub(super) const ACME_FAILURES: Description = (
    "vestibule_acme_failures",
    "Orders of a certificate that have failed since one was issued last, at whichever gateway.",
    &["certificate"],
);
pub(super) const RUNTIME_WORKERS: Description = (
    "vestibule_runtime_workers",
    "Threads of the asynchronous runtimes, proxy and background.",
    &["runtime"],
);
pub(super) const RUNTIME_TASKS: Description = (
    "vestibule_runtime_tasks",
    "Tasks that have not finished.",
    &["runtime"],
);
pub(super) const RUNTIME_QUEUED: Description = (
    "vestibule_runtime_queued_tasks",
    "Tasks waiting for a thread of their runtime.",
    &["runtime"],
);
pub(super) const RUNTIME_BUSY: Description = (
    "vestibule_runtime_busy_seconds_total",
    "Time that the threads were busy.",
    &["runtime"],
);
pub(super) const BUILD_INFO: Description = (
    "vestibule_build_info",
    "Always 1, labelled with the running version.",
    &["version"],
);
