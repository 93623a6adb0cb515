//! Every operation of a store, in one list, for what wraps any engine.

/// Hands the list to a macro: each trait with what is passed on as it is in brackets, and its
/// operations. `self.store` is the engine.
macro_rules! operations {
    ($wrapper:ident) => {
        $wrapper! {
            Users [] {
                fn sign_in(request: SignIn) -> SignInOutcome;
                fn preview_sign_in(request: SignIn) -> SignInOutcome;
                fn user(id: Uuid) -> Option<User>;
                fn user_by_identity(iss: &str, sub: &str) -> Option<User>;
                fn users(filter: UserFilter, page: PageRequest) -> Page<User>;
                fn create_user(user: NewUser) -> User;
                fn set_blocked(id: Uuid, blocked: bool, at: UnixTime) -> Option<User>;
                fn describe_user(id: Uuid, description: Description, at: UnixTime) -> Option<User>;
                fn delete_user(id: Uuid, at: UnixTime, until: UnixTime) -> Option<User>;
            }
            Sessions [] {
                fn session(sid: Uuid) -> Option<SessionRecord>;
                fn sessions(user: Option<Uuid>, page: PageRequest) -> Page<SessionRecord>;
                fn end_session(sid: Uuid, cause: RevocationReason, at: UnixTime) -> Option<SessionRecord>;
                fn end_sessions(scope: RevocationScope, at: UnixTime) -> ();
                fn end_once(once: Once, end: Option<End>, at: UnixTime) -> bool;
                fn touch(activities: Vec<Activity>) -> ();
                fn put_session_alias(alias: Digest, sid: Uuid, until: UnixTime) -> ();
                fn bind_session(sid: Uuid, device: DeviceBinding) -> bool;
                fn session_alias(alias: Digest, now: UnixTime) -> Option<(SessionRecord, UnixTime)>;
                fn sid_of_alias(alias: Digest, now: UnixTime) -> Option<Uuid>;
            }
            SigningKeys [] {
                fn signing_keys() -> Vec<SigningKeyRecord>;
                fn insert_signing_key_if_none(key: SigningKeyRecord) -> Vec<SigningKeyRecord>;
                fn put_signing_key(key: SigningKeyRecord) -> ();
                fn replace_signing_keys(
                    seen: Vec<SigningKeyRecord>,
                    keys: Vec<SigningKeyRecord>,
                    at: UnixTime
                ) -> ();
            }
            Settings [] {
                fn setting(name: &str) -> Option<String>;
                fn settings(prefix: &str) -> Vec<(String, String)>;
                fn setting_or_insert(name: &str, value: &str) -> String;
                fn put_setting(name: &str, value: &str) -> ();
                fn replace_setting(
                    name: &str,
                    seen: Option<&str>,
                    value: Option<&str>,
                    at: UnixTime
                ) -> ();
            }
            ChangeFeed [
                fn latest_change(&self) -> watch::Receiver<u64> {
                    self.store.latest_change()
                }
            ] {
                fn changes_since(read: Position, limit: usize) -> Changes;
            }
            ReplayGuard [] {
                fn use_up(usage: Use) -> Used;
            }
            AuditLog [] {
                fn append_audit(record: AuditRecord) -> ();
                fn audit(page: PageRequest) -> Page<AuditRecord>;
            }
            Events [
                fn latest_event(&self) -> watch::Receiver<u64> {
                    self.store.latest_event()
                }
            ] {
                fn events_since(after: u64, limit: usize) -> EventFeed;
                fn event(sequence: u64) -> Option<NumberedEvent>;
                fn sweep_events(before: UnixTime, most: u64) -> SweptEvents;
            }
            Deliveries [] {
                fn lease_webhook(webhook: &str, holder: Uuid, time: Duration) -> Option<u64>;
                fn release_webhook(webhook: &str, holder: Uuid) -> ();
                fn put_deliveries(
                    webhook: &str,
                    holder: Uuid,
                    from: u64,
                    up_to: u64,
                    deliveries: Vec<Delivery>
                ) -> bool;
                fn pending_deliveries(webhook: &str, limit: usize) -> Vec<Delivery>;
                fn deliveries(
                    webhook: &str,
                    state: DeliveryState,
                    page: PageRequest
                ) -> Page<Delivery>;
                fn count_deliveries(webhook: &str) -> Outstanding;
                fn resend(webhook: &str, sequence: u64, at: UnixTime) -> bool;
                fn resend_parked(webhook: &str, limit: usize, at: UnixTime) -> usize;
            }
            Maintenance [] {
                fn sweep(now: UnixTime, audit_from: UnixTime) -> Swept;
                fn export(page: PageRequest) -> Page<Exported>;
                fn import(records: Vec<Exported>) -> ();
                fn bytes() -> Option<u64>;
                fn clock() -> Option<UnixTime>;
            }
            SharedRates [] {
                fn exchange_rates(exchange: RateExchange) -> Vec<RateDebt>;
                fn sweep_rates() -> usize;
            }
            Store [
                async fn close(&self) {
                    self.store.close().await;
                }
                async fn release(&self) {
                    self.store.release().await;
                }
                async fn reacquire(&self) {
                    self.store.reacquire().await;
                }
            ] {
                fn health() -> ();
            }
        }
    };
}

pub(super) use operations;
