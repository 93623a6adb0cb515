use super::*;
use crate::limit::Limiter;

fn gateway() -> (Arc<Sharing>, Limiter<u128>) {
    let sharing = Arc::new(Sharing::new(&[7; 32]));
    let limiter = Limiter::shared("10/10h".parse().unwrap(), 100, "limit", Some(&sharing));
    (sharing, limiter)
}

fn passes(limiter: &Limiter<u128>, key: u128) -> usize {
    std::iter::from_fn(|| limiter.take(key).ok()).count()
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn what_passed_is_handed_over_once() {
    let (sharing, limiter) = gateway();
    for _ in 0..3 {
        limiter.take(1).unwrap();
    }
    limiter.take(2).unwrap();
    let mut costs: Vec<_> = sharing.collect(9).iter().map(|it| it.cost).collect();
    costs.sort();
    assert_eq!(costs, [HOUR, 3 * HOUR]);
    assert_eq!(sharing.collect(9), []);
    limiter.take(1).unwrap();
    assert_eq!(sharing.collect(9).len(), 1);
    // A refusal is no pass.
    assert_eq!((passes(&limiter, 1), sharing.collect(9).len()), (6, 1));
    assert_eq!((passes(&limiter, 1), sharing.collect(9).len()), (0, 0));
}

#[test]
fn what_others_let_pass_counts_here() {
    let (one, limiter_of_one) = gateway();
    let (two, limiter_of_two) = gateway();
    assert_eq!(passes(&limiter_of_one, 1), 10);
    let counts = one.collect(9);
    two.hear(counts.iter().map(|count| (count.key, 8 * HOUR)));
    assert_eq!(passes(&limiter_of_two, 1), 2);
    assert_eq!(passes(&limiter_of_two, 2), 10, "another key");
    // Nothing was used here, and a look knows of it all the same.
    two.hear(counts.iter().map(|count| (count.key, 11 * HOUR)));
    let (third, limiter_of_third) = gateway();
    assert_eq!(limiter_of_third.look(1), Ok(()));
    third.hear(counts.iter().map(|count| (count.key, 11 * HOUR)));
    assert!(limiter_of_third.look(1).is_err());
    // What is no longer owed is forgotten.
    third.hear([]);
    assert_eq!(limiter_of_third.look(1), Ok(()));
}

#[test]
fn gateways_with_other_limits_or_secrets_count_apart() {
    let digest = |secret: u8, name: &str, hours: u32| {
        let sharing = Arc::new(Sharing::new(&[secret; 32]));
        sharing.limit(name, HOUR, hours * HOUR).digest([1; 16])
    };
    let same = digest(7, "limit", 10);
    assert_eq!(same, digest(7, "limit", 10));
    for other in [
        digest(8, "limit", 10),
        digest(7, "other", 10),
        digest(7, "limit", 11),
    ] {
        assert_ne!(same, other);
    }
}

#[test]
fn those_nearest_to_their_limit_go_first_and_the_others_wait() {
    let (sharing, limiter) = gateway();
    for key in 1..=3 {
        (0..key).for_each(|_| limiter.take(key).unwrap());
    }
    let costs = |most| {
        let mut costs: Vec<_> = sharing.collect(most).iter().map(|it| it.cost).collect();
        costs.sort();
        costs
    };
    assert_eq!(costs(2), [2 * HOUR, 3 * HOUR]);
    limiter.take(1).unwrap();
    assert_eq!(costs(2), [2 * HOUR], "with what passed meanwhile");
}

#[test]
fn what_could_not_be_handed_over_comes_again() {
    let (sharing, limiter) = gateway();
    limiter.take(1).unwrap();
    let first = sharing.collect(1);
    sharing.put_back(first.clone());
    limiter.take(1).unwrap();
    limiter.take(2).unwrap();
    // It has the first place; the others wait.
    assert_eq!(sharing.collect(1), first);
    let mut rest = sharing.collect(9);
    rest.extend(sharing.collect(9));
    assert_eq!(rest.len(), 2);
}

#[test]
fn what_waits_is_bounded() {
    let sharing = Arc::new(Sharing::new(&[7; 32]));
    let rate = "10/10h".parse().unwrap();
    let keys = 3 * QUEUED;
    let limiter = Limiter::shared(rate, keys, "limit", Some(&sharing));
    for key in 0..keys as u128 {
        limiter.take(key).unwrap();
    }
    assert_eq!(sharing.take_unshared(), 2 * QUEUED as u64);
    assert_eq!(sharing.collect(usize::MAX).len(), QUEUED);
    // There is room again.
    limiter.take(keys as u128 - 1).unwrap();
    assert_eq!((sharing.take_unshared(), sharing.collect(9).len()), (0, 1));
}
