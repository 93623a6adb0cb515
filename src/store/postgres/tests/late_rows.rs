//! What another gateway writes between a sign-in's lock and its decision.

use super::connection::Failure;
use super::sign_in::{decided_under, lock};
use super::*;
use crate::store::Provisioning;

/// It is written over by nobody who has not locked it: an end, or a block, that comes next would be lost.
pub(super) async fn what_came_after_the_lock_is_not_written_over(databases: &InDatabases<'_>) {
    let (one, other) = (databases.connect().await, databases.connect().await);
    let other = Arc::new(other);
    let with_email = |sub: &str| SignIn {
        email: Some(format!("{sub}@example.com")),
        ..conformance::token(sub)
    };
    let workload = |seconds: u64| SignIn {
        provisioning: Provisioning::None,
        token_end: NOW.plus(Duration::from_secs(seconds)),
        ..conformance::token("robot")
    };
    for (first, second) in [
        // Another login of the same user, which adds an address.
        (
            SignIn {
                sid: Uuid::now_v7(),
                ..conformance::token("ada")
            },
            with_email("ada"),
        ),
        // A newer token of the same login, of nobody who could be locked.
        (workload(1), workload(2)),
    ] {
        let input = (Arc::clone(&other), first, second.clone());
        let decided = one.write(input, |tx, (other, first, second)| {
            Box::pin(async move {
                let locked = lock(tx, second).await?;
                signed_in(other, first.clone()).await;
                let late = decided_under(tx, second, &locked).await;
                let again = lock(tx, second).await?;
                let in_time = decided_under(tx, second, &again).await;
                Ok((matches!(late, Err(Failure::Again)), in_time.is_ok()))
            })
        });
        assert_eq!(decided.await.unwrap(), (true, true), "{second:?}");
    }
    one.close().await;
    other.close().await;
}
