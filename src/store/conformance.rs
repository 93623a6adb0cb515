//! What every engine does alike. Each case runs against each engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use uuid::Uuid;

use super::{
    EmailWithdrawal, Once, Profile, Provisioning, SessionClaims, SignIn, SignInOutcome,
    SignInRefusal, SignedIn, Store, Use, Used,
};
use crate::clock::UnixTime;

mod access;
mod administration;
mod changes;
mod deliveries;
mod device;
mod email;
mod ending;
mod events;
mod keys;
mod maintenance;
mod sessions;
mod shared_rates;
mod signing_out;
mod transfer;
mod users;
mod uses;

/// An engine, with a place of its own for each case.
#[async_trait]
pub(super) trait Engine: Send + Sync {
    /// Opens the store of this case; again after `close`, with what was in it.
    async fn open(&self) -> Arc<dyn Store>;

    /// Opens another, empty store.
    async fn open_another(&self) -> Arc<dyn Store>;
}

/// One rule that engines keep.
pub(super) type Case = for<'a> fn(&'a dyn Engine) -> BoxFuture<'a, ()>;

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        /// All rules, by name, for an engine whose start costs more than a rule.
        pub(super) const CASES: &[(&str, Case)] =
            &[$((stringify!($case), |engine| Box::pin($module::$case(engine)))),*];

        /// The embedded engine, one test for each rule.
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$module::$case(&crate::store::embedded::tests::InFolder::new()).await;
                }
            )*
        }
    };
}

cases![
    users::the_first_sight_makes_a_user_and_a_session,
    users::an_identity_is_the_pair_of_issuer_and_subject,
    users::a_workload_has_a_session_and_no_user,
    users::a_thousand_concurrent_first_sights_make_one_user,
    users::everything_survives_a_restart,
    users::existing_only_makes_no_user,
    users::an_identity_may_be_any_text,
    users::a_row_that_follows_behind_is_written_before_the_close,
    users::an_end_holds_against_a_row_that_follows_behind,
    sessions::a_sessions_claims_are_those_of_its_newest_token,
    sessions::tokens_of_one_time_do_not_take_turns,
    sessions::a_fresh_token_extends_the_session_up_to_its_greatest_age,
    sessions::an_ended_session_is_not_opened_again,
    sessions::the_end_outlives_a_restart_and_a_later_token,
    sessions::the_end_of_an_unknown_session_is_remembered,
    sessions::the_first_cause_of_an_end_stays,
    sessions::a_session_ends_at_its_greatest_age,
    sessions::an_idle_session_ends,
    sessions::a_clock_that_may_be_ahead_ends_nothing_for_good,
    sessions::a_session_is_there_once_its_sign_in_is_answered,
    email::a_verified_address_makes_a_credential,
    email::the_address_follows_the_token,
    email::the_issuers_newest_word_takes_an_address_back,
    email::the_address_of_another_user_is_not_taken_over,
    email::an_address_that_was_given_up_is_free,
    email::accounts_are_linked_only_between_issuers_that_are_named,
    access::who_is_refused_leaves_nothing_behind,
    access::an_address_that_is_known_decides_whichever_token_is_shown,
    access::a_session_remembers_an_address_that_is_no_credential,
    access::scopes_are_those_of_the_session_and_another_one_is_a_change,
    keys::of_concurrent_first_keys_one_wins,
    keys::a_key_is_written_over,
    keys::settings_keep_the_first_value_and_take_a_new_one,
    keys::a_closed_store_is_unavailable,
    administration::users_are_listed_in_pages,
    administration::users_are_found_by_address_and_external_id,
    administration::a_user_made_beforehand_signs_in,
    administration::a_blocked_user_is_refused_until_a_new_login,
    administration::metadata_is_kept_with_the_user,
    administration::a_deleted_user_is_not_made_again_by_an_old_token,
    administration::an_heir_does_not_get_the_session_of_the_dead,
    ending::sessions_are_listed_newest_first,
    signing_out::signing_out_everywhere_ends_what_was_open,
    signing_out::a_clock_that_steps_back_ends_no_later_session,
    signing_out::an_end_by_a_clock_that_is_behind_takes_none_back,
    ending::sessions_end_with_their_issuer_and_its_keys,
    ending::an_issuer_is_signed_out_alone,
    ending::sessions_under_a_signing_key_end_together,
    ending::sessions_under_a_signing_key_end_whatever_the_clocks_say,
    ending::the_oldest_session_makes_room,
    ending::activity_is_written_down,
    device::a_session_is_bound_once,
    device::an_ended_session_is_not_bound,
    ending::a_cookie_stands_for_a_session_until_its_time,
    changes::every_end_is_a_change,
    changes::an_id_is_spent_once,
    changes::an_end_and_its_id_go_together,
    uses::a_sign_in_and_what_it_uses_up_go_together,
    uses::one_purpose_excludes_the_other,
    changes::the_audit_is_listed_newest_first,
    changes::keys_and_settings_are_replaced_only_as_they_were_seen,
    events::what_happens_to_a_user_is_an_event,
    events::what_happens_to_issuers_keys_and_scopes_is_an_event,
    events::workloads_and_refusals_are_no_events,
    events::events_are_numbered_without_gaps,
    events::old_events_are_swept_in_their_order,
    deliveries::a_webhook_begins_with_the_next_event,
    deliveries::deliveries_have_a_state_until_their_event_is_swept,
    maintenance::a_sweep_takes_out_only_what_is_past,
    maintenance::the_audit_is_swept_by_its_own_age,
    maintenance::another_store_gets_everything,
    maintenance::an_import_takes_no_identity_over,
    maintenance::an_import_keeps_the_order_of_its_records,
    maintenance::an_import_counts_on_from_what_its_records_know,
    shared_rates::what_passed_at_gateways_adds_up,
    shared_rates::what_passed_earlier_is_paid_back_since,
    shared_rates::keys_that_owe_nothing_are_swept_and_new_ones_can_be_left_out,
    transfer::a_store_goes_through_a_file,
    transfer::a_store_that_a_gateway_started_on_takes_no_import,
    transfer::a_file_that_is_no_export_is_refused,
];

/// A token of `sub` at the first issuer, at [`NOON`], of the login `sub`.
pub(super) fn token(sub: &str) -> SignIn {
    SignIn {
        iss: ISSUER.to_owned(),
        issuer_name: "first".to_owned(),
        sub: sub.to_owned(),
        email: None,
        profile: Profile::default(),
        link_by_email: Vec::new(),
        provisioning: Provisioning::Auto,
        issued_at: Some(NOON),
        token_end: NOON.plus(HOUR),
        sid: sid(sub),
        max_age: 24 * HOUR,
        idle_timeout: None,
        max_sessions: None,
        client_address: None,
        user_agent: None,
        claims: SessionClaims::default(),
        access: None,
        tell_key: false,
        email_withdrawn: EmailWithdrawal::None,
        uses: Vec::new(),
        now: NOON,
        doubt: Duration::ZERO,
        durable_session: true,
    }
}

/// Uses an id up; false when it was used before.
pub(super) async fn spend(store: &dyn Store, scope: &str, id: &str, until: UnixTime) -> bool {
    let usage = Use::once(Once::new(scope, id, until));
    store.use_up(usage).await.unwrap() == Used::Now
}

/// A stable id for a login's name.
fn sid(login: &str) -> Uuid {
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(login.bytes()) {
        *byte = letter;
    }
    Uuid::new_v8(bytes)
}

async fn live(store: &dyn Store, request: SignIn) -> SignedIn {
    match previewed(store, request).await {
        SignInOutcome::Live(signed_in) => *signed_in,
        SignInOutcome::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

async fn refused(store: &dyn Store, request: SignIn) -> SignInRefusal {
    match previewed(store, request).await {
        SignInOutcome::Live(signed_in) => panic!("not refused: {signed_in:?}"),
        SignInOutcome::Refused(refusal) => refusal,
    }
}

/// The answers to many requests, a hundred of which are under way at any time: so many wait for a
/// connection no longer than a store lets them, on a busy machine as well.
pub(super) async fn together<T>(requests: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(requests).buffer_unordered(100).collect().await
}

/// The answer to a sign-in that is not refused, among others of the same user.
async fn signed_in(store: Arc<dyn Store>, request: SignIn) -> SignedIn {
    match store.sign_in(request).await.unwrap() {
        SignInOutcome::Live(signed_in) => *signed_in,
        SignInOutcome::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

/// A sign-in that is answered as its preview, which changed nothing, said.
async fn previewed(store: &dyn Store, request: SignIn) -> SignInOutcome {
    let preview = store.preview_sign_in(request.clone()).await.unwrap();
    let outcome = store.sign_in(request).await.unwrap();
    match (&preview, &outcome) {
        (SignInOutcome::Refused(foreseen), SignInOutcome::Refused(refusal)) => {
            assert_eq!(foreseen, refusal);
        }
        (SignInOutcome::Live(foreseen), SignInOutcome::Live(signed_in)) => {
            let of = |it: &SignedIn| (it.user_created, it.session_created, it.linked);
            assert_eq!(of(foreseen), of(signed_in));
        }
        _ => panic!("{preview:?}, then {outcome:?}"),
    }
    outcome
}

const ISSUER: &str = "https://issuer.example";
const OTHER_ISSUER: &str = "https://other.example";
/// Long past by any clock: no engine believes that what is to come is past.
const NOON: UnixTime = UnixTime(1_700_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const NOBODY: [Uuid; 0] = [];
