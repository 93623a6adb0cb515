//! What a history must not show.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One operation, by the clock of the client that asked.
#[derive(Clone, Debug)]
pub struct Event {
    pub began: Duration,
    pub ended: Duration,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// A request with the token of a login.
    Use {
        login: usize,
        /// The token's `sub`.
        sub: String,
        /// The user whom the upstream was given, for a request that was let through.
        user: Option<String>,
        passed: bool,
    },
    /// The end of these logins, which the gateway acknowledged.
    End {
        logins: Vec<usize>,
        by: &'static str,
    },
}

/// Every rule that the history breaks, in words.
///
/// No request is let through that began later than `lag` after the acknowledged end of its login,
/// and no two users come of one `sub`.
pub fn violations(events: &[Event], lag: Duration) -> Vec<String> {
    let mut ends: BTreeMap<usize, (Duration, &str)> = BTreeMap::new();
    for event in events {
        if let What::End { logins, by } = &event.what {
            for login in logins {
                let end = ends.entry(*login).or_insert((event.ended, by));
                *end = (*end).min((event.ended, by));
            }
        }
    }
    let mut found = Vec::new();
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in events {
        let What::Use {
            login,
            sub,
            user,
            passed: true,
        } = &event.what
        else {
            continue;
        };
        users.entry(sub).or_default().extend(user.as_deref());
        if let Some((end, by)) = ends.get(login)
            && event.began > *end + lag
        {
            let late = event.began - *end;
            found.push(format!(
                "{sub} passed {late:?} after its {by} was acknowledged"
            ));
        }
    }
    let several = users.iter().filter(|(_, users)| users.len() > 1);
    found.extend(several.map(|(sub, users)| format!("{sub} is several users: {users:?}")));
    found
}

#[test]
fn the_checker_knows_what_a_history_must_not_show() {
    let at = Duration::from_millis;
    let used = |began, login, user: &str, passed: bool| Event {
        began: at(began),
        ended: at(began + 5),
        what: What::Use {
            login,
            sub: format!("sub-{}", login / 2),
            user: passed.then(|| user.to_owned()),
            passed,
        },
    };
    let end = |ended, login| Event {
        began: at(ended - 5),
        ended: at(ended),
        what: What::End {
            logins: vec![login],
            by: "logout",
        },
    };
    let check = |events: &[Event]| violations(events, at(100));
    let good = [
        used(0, 0, "a", true),
        used(1, 1, "a", true),
        used(2, 2, "b", true),
        end(50, 0),
        // Within the lag, refused, or of another login.
        used(150, 0, "a", true),
        used(151, 0, "a", false),
        used(900, 1, "a", true),
    ];
    assert_eq!(check(&good), Vec::<String>::new());
    let late = [&good[..], &[used(151, 0, "a", true)]].concat();
    assert_eq!(check(&late).len(), 1);
    // The first acknowledgement counts.
    let again = [&late[..], &[end(800, 0)]].concat();
    assert_eq!(check(&again).len(), 1);
    let two = [&good[..], &[used(3, 3, "c", true)]].concat();
    assert_eq!(check(&two).len(), 1);
}
