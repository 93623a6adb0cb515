use super::*;

/// What a fetch brings for the `kid`s that it asks for.
fn settle(wanted: &WantedKids, answer: impl Fn(&str) -> Answered) -> Result<Vec<String>, String> {
    let answers = wanted.take().into_iter();
    let answers = answers.map(|kid| {
        let answer = answer(&kid);
        (kid, answer)
    });
    let pems = wanted.settle(answers, DAY);
    pems.map(sorted).map_err(|error| error.to_string())
}

fn sorted(pems: Map<String, Value>) -> Vec<String> {
    let mut kids: Vec<String> = pems.into_iter().map(|(kid, _)| kid).collect();
    kids.sort();
    kids
}

fn has(kid: &str) -> Answered {
    Ok(Some(format!("-----BEGIN {kid}")))
}

fn fails(_: &str) -> Answered {
    Err(FetchError::status(500, None))
}

/// One whose key `kid` is in force.
fn proven(kids: &[&str]) -> WantedKids {
    let wanted = WantedKids::default();
    for kid in kids {
        assert!(wanted.ask_for(kid));
        settle(&wanted, has).unwrap();
        assert!(wanted.prove(kid));
    }
    wanted
}

fn in_force(wanted: &WantedKids) -> Vec<String> {
    sorted(serde_json::from_slice(&wanted.kept(DAY).0).unwrap())
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn only_plain_kids_are_asked_for() {
    let wanted = WantedKids::default();
    for kid in ["", "../x", "a/b", "a?b", "a.b", "%2e", &"a".repeat(65)] {
        assert!(!wanted.ask_for(kid), "{kid}");
    }
    assert!(wanted.take().is_empty());
    for kid in ["a", "0b1c-2_D", &"a".repeat(64)] {
        assert!(wanted.ask_for(kid), "{kid}");
        assert_eq!(wanted.take(), [kid]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_is_forgotten_unless_it_came() {
    let wanted = WantedKids::default();
    for kid in ["here", "absent", "failing"] {
        wanted.ask_for(kid);
    }
    let answer = |kid: &str| match kid {
        "here" => has(kid),
        "absent" => Ok(None),
        _ => fails(kid),
    };
    assert_eq!(settle(&wanted, answer).unwrap(), ["here"]);
    // The server has said so of one of them only.
    assert!(wanted.was_absent("absent") && !wanted.was_absent("failing"));
    assert_eq!(wanted.take(), ["here"]);
}

/// The keys of others are at the same server, and anybody can name them.
#[tokio::test(start_paused = true)]
async fn keys_that_verify_nothing_take_no_place_of_those_in_force() {
    let wanted = proven(&["good"]);
    for round in 0..10 {
        for number in 0..100 {
            wanted.ask_for(&format!("others-{round}-{number}"));
        }
        let asked = wanted.take();
        assert!(asked.len() <= WantedKids::MOST_KEYS + Asked::MOST);
        let answers = asked.into_iter().map(|kid| (kid.clone(), has(&kid)));
        let pems = wanted.settle(answers, DAY).unwrap();
        assert!(pems.len() <= WantedKids::MOST_KEYS && pems.contains_key("good"));
    }
    assert_eq!(in_force(&wanted), ["good"]);
    // One more good key finds its place among them, and keeps it.
    assert!(wanted.ask_for("next"));
    assert!(settle(&wanted, has).unwrap().contains(&"next".to_owned()));
    assert!(wanted.prove("next"));
    for number in 0..100 {
        wanted.ask_for(&format!("late-{number}"));
    }
    assert!(settle(&wanted, has).unwrap().contains(&"next".to_owned()));
    assert_eq!(in_force(&wanted), ["good", "next"]);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_gives_way_to_the_newest() {
    let kids: Vec<String> = (0..IN_FORCE).map(|number| format!("k-{number}")).collect();
    let wanted = proven(&kids.iter().map(String::as_str).collect::<Vec<_>>());
    // It verifies a token again, and is not the oldest any more.
    assert!(!wanted.prove("k-0"));
    wanted.ask_for("new");
    settle(&wanted, has).unwrap();
    assert_eq!(in_force(&wanted).len(), IN_FORCE);
    assert!(wanted.prove("new"));
    let kept = in_force(&wanted);
    assert_eq!(kept.len(), IN_FORCE);
    assert!(!kept.contains(&"k-1".to_owned()), "{kept:?}");
    for kid in ["k-0", "k-2", "new"] {
        assert!(kept.contains(&kid.to_owned()), "{kept:?}");
    }
    // It only made room: the server has it, and a token that names it brings it back.
    assert!(!wanted.was_taken_back("k-1"));
    wanted.ask_for("k-1");
    assert!(settle(&wanted, has).unwrap().contains(&"k-1".to_owned()));

    // The same among those that have verified nothing.
    let wanted = WantedKids::default();
    for number in 0..=UNPROVEN {
        wanted.ask_for(&format!("u-{number:02}"));
        settle(&wanted, has).unwrap();
    }
    let left = settle(&wanted, has).unwrap();
    assert_eq!(left.len(), UNPROVEN);
    assert!(!left.contains(&"u-00".to_owned()) && left.contains(&"u-01".to_owned()));
    assert!(!wanted.prove("u-00") && wanted.prove("u-01"));
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_about_one_key() {
    let wanted = proven(&["one", "two"]);
    wanted.ask_for("forged");
    let answer = |kid: &str| if kid == "two" { has(kid) } else { fails(kid) };
    // Of a known one the key is kept, of another there is none.
    assert_eq!(settle(&wanted, answer).unwrap(), ["one", "two"]);
    assert_eq!(wanted.take(), ["one", "two"]);
    // What is failing only because nobody answers is a failure of the fetch.
    assert!(settle(&wanted, fails).unwrap_err().contains("500"));
    // And without a key there is nothing to ask for, which is none.
    assert!(settle(&WantedKids::default(), fails).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_nobody_confirms_is_not_kept_for_ever() {
    let wanted = proven(&["one", "two"]);
    let answer = |kid: &str| if kid == "two" { has(kid) } else { fails(kid) };
    tokio::time::advance(DAY - Duration::from_secs(1)).await;
    assert_eq!(settle(&wanted, answer).unwrap(), ["one", "two"]);
    assert_eq!(wanted.kept(DAY).1, DAY - Duration::from_secs(1));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(settle(&wanted, answer).unwrap(), ["two"]);
    // It is too old, and nobody has taken it back.
    assert!(!wanted.was_taken_back("one"));
    assert_eq!(wanted.kept(DAY).1, Duration::ZERO);
    // Nor where nobody answers at all.
    tokio::time::advance(DAY + Duration::from_secs(1)).await;
    assert!(settle(&wanted, fails).unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_server_has_no_more_is_taken_back() {
    let wanted = proven(&["one", "two"]);
    let answer = |kid: &str| if kid == "two" { has(kid) } else { Ok(None) };
    assert_eq!(settle(&wanted, answer).unwrap(), ["two"]);
    assert!(wanted.was_taken_back("one") && !wanted.was_taken_back("two"));
    settle(&wanted, has).unwrap();
    assert!(!wanted.was_taken_back("one"));
}

#[tokio::test(start_paused = true)]
async fn only_keys_in_force_outlive_the_process() {
    let wanted = proven(&["good"]);
    wanted.ask_for("forged");
    assert_eq!(settle(&wanted, has).unwrap(), ["forged", "good"]);
    let (kept, age) = wanted.kept(DAY);
    assert_eq!(age, Duration::ZERO);

    let again = WantedKids::default();
    again.recall(&kept, DAY);
    assert_eq!(in_force(&again), ["good"]);
    assert_eq!(again.take(), ["good"]);
    // What was stored is bounded and plain as well.
    let many: Map<String, Value> = (0..100)
        .map(|number| (format!("k-{number}"), Value::String(String::new())))
        .chain([("../x".to_owned(), Value::String(String::new()))])
        .collect();
    again.recall(Value::Object(many).to_string().as_bytes(), DAY);
    assert_eq!(again.take().len(), IN_FORCE);
    again.recall(b"no JSON", DAY);
    assert!(again.take().is_empty());
}
