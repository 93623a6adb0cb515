use std::task::Waker;

use super::*;

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[test]
fn what_is_read_ahead_is_bounded() {
    let (flow, context) = (Flow::default(), context());
    flow.asked(None);
    assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
    flow.was_read(CREDIT);
    // The head is not complete: it continues, in small steps.
    assert_eq!(flow.turn(&context), Turn::Read(AHEAD));
    flow.was_read(AHEAD);
    flow.taken();
    assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
    flow.was_read(5_000);
    assert_eq!(flow.turn(&context), Turn::Read(CREDIT - 5_000));
    flow.was_read(CREDIT - 5_000);
    assert_eq!(flow.turn(&context), Turn::Wait);
    flow.taken();
    assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
    flow.asked(None);
    assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
}

#[test]
fn an_answer_to_a_switch_is_read_after_the_request() {
    let (flow, context) = (Flow::default(), context());
    flow.asked(None);
    flow.asks_to_switch();
    assert_eq!(flow.turn(&context), Turn::Wait);
    flow.was_flushed();
    assert_eq!(flow.turn(&context), Turn::Wait, "that was its header");
    flow.body_moved(0, true);
    assert_eq!(flow.turn(&context), Turn::Wait, "its end is on its way");
    flow.was_flushed();
    assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
    flow.body_moved(0, true);
    assert_eq!(
        flow.turn(&context),
        Turn::Read(CREDIT),
        "that of the tunnel"
    );
    // Another server is asked.
    flow.asks_to_switch();
    flow.asked(None);
    assert_eq!(flow.turn(&context), Turn::Read(CREDIT));
}

#[test]
fn a_server_is_late_by_its_silence_and_a_stream_by_a_longer_one() {
    let (flow, context) = (Flow::default(), context());
    let (read, idle) = (Duration::from_secs(60), Duration::from_secs(3600));
    flow.asked(Some(read));
    assert_eq!(flow.server_due(), None, "nothing is read");
    flow.waits(&context);
    let first = flow.server_due().unwrap();
    flow.waits(&context);
    assert_eq!(flow.server_due(), Some(first), "the same silence");
    flow.was_read(1);
    assert_eq!(flow.server_due(), None);
    flow.waits(&context);
    flow.server_blocks(false);
    assert_eq!(flow.server_due(), None, "the client said something");

    flow.stream_begins(Some(idle));
    flow.waits(&context);
    assert!(flow.server_due().unwrap() - first >= idle - read);
    flow.stream_begins(None);
    assert_eq!(flow.server_due(), None, "without a bound");

    flow.asked(Some(read));
    flow.waits(&context);
    assert!(!flow.is_stream() && !flow.is_server_late());
    flow.give_up_server();
    assert_eq!(
        (flow.turn(&context), flow.server_due()),
        (Turn::GiveUp, None)
    );
}

#[test]
fn a_body_is_late_by_its_pauses_and_by_its_rate() {
    let flow = Flow::default();
    assert_eq!(flow.body_due(), None);
    let pause = Duration::from_secs(60);
    flow.body_begins(BodyBounds {
        pause: Some(pause),
        rate: None,
    });
    assert_eq!(flow.body_due(), None, "nobody asks for it");
    flow.asked(None);
    let first = flow.body_due().unwrap();
    flow.body_moved(1, false);
    assert!(flow.body_due().unwrap() > first);
    flow.server_blocks(true);
    assert_eq!(flow.body_due(), None, "the server does not take it");
    flow.server_blocks(false);
    assert!(flow.body_due().is_some());
    flow.taken();
    assert!(flow.body_due().is_some(), "an answer is no conversation");
    flow.stream_begins(None);
    assert_eq!(flow.body_due(), None, "a conversation");

    let both = BodyBounds {
        pause: Some(pause),
        rate: Some(1000),
    };
    flow.body_begins(both);
    flow.asked(None);
    let first = flow.body_due().unwrap();
    let idle = Duration::from_secs(3600);
    flow.body_is_stream(Some(idle));
    assert!(flow.body_due().unwrap() - first >= idle - pause);
    flow.body_is_stream(None);
    assert_eq!(flow.body_due(), None, "without a bound");

    flow.body_begins(both);
    flow.asked(None);
    let slow = flow.body_due().unwrap();
    flow.body_moved(10_000, false);
    let paid = flow.body_due().unwrap() - slow;
    assert_eq!(paid, Duration::from_secs(10));
    flow.body_moved(1, true);
    assert_eq!(flow.body_due(), None, "it is whole");
    assert!(!flow.is_client_late());
    flow.give_up_body(Instant::now());
    assert_eq!(flow.turn(&context()), Turn::GiveUp);
}

#[test]
fn an_answer_that_ends_first_ends_the_request_once() {
    let bounds = BodyBounds {
        pause: None,
        rate: None,
    };
    let (flow, context) = (Flow::default(), context());
    flow.body_begins(bounds);
    flow.answer_ends();
    assert!(!flow.is_over(), "that is the gateway's own answer");
    flow.asked(None);
    flow.taken();
    let part = flow.follow(Bytes::from_static(b"answer"));
    assert!(!flow.is_over() && !flow.ends_now());
    flow.answer_ends();
    assert!(flow.is_over());
    assert!(!flow.has_left(&context), "its client has not taken it");
    drop(part);
    assert!(flow.has_left(&context));
    assert!(!flow.was_ended());
    assert!(flow.ends_now() && flow.was_ended());
    assert!(!flow.ends_now(), "once");

    // The same, but for the end of the body.
    let whole = Flow::default();
    whole.body_begins(bounds);
    whole.asked(None);
    whole.taken();
    whole.body_moved(1, true);
    whole.answer_ends();
    assert!(!whole.is_over() && !whole.ends_now() && !whole.was_ended());
}

#[test]
fn over_http2_a_server_is_late_after_the_end_of_the_request() {
    let bounds = BodyBounds {
        pause: None,
        rate: None,
    };
    let flow = Flow::default();
    flow.body_begins(bounds);
    flow.asked(Some(Duration::from_secs(60)));
    flow.waits_for_end();
    flow.body_moved(1000, false);
    assert_eq!(flow.server_due(), None, "it is not whole");
    flow.body_moved(1000, true);
    assert!(flow.server_due().is_some());
    flow.taken();
    assert_eq!(flow.server_due(), None, "the answer has begun");
    assert!(!flow.ends_reads());

    flow.body_begins(bounds);
    flow.asked(Some(Duration::from_secs(60)));
    flow.waits_for_end();
    flow.body_moved(1, true);
    flow.give_up_server();
    assert!(flow.is_unheard() && flow.is_server_late() && flow.ends_reads());
    // A connection of its own is given up by itself.
    flow.asked(None);
    flow.give_up_server();
    assert!(flow.is_server_late() && !flow.is_unheard());
}

/// While an answer has begun and has not ended, the request may pause as its server may, and no less.
#[test]
fn the_rest_of_a_request_may_pause_as_the_server_may_once_it_answers() {
    let (short, long) = (Duration::from_secs(5), Duration::from_secs(50));
    for (silence, least) in [
        (Some(long), Some(long)),
        (Some(Duration::ZERO), Some(short)),
        (None, None),
    ] {
        let flow = Flow::default();
        flow.body_begins(BodyBounds {
            pause: Some(short),
            rate: None,
        });
        flow.server_blocks(false);
        let began = Instant::now();
        flow.answer_begins(silence);
        let due = flow.body_due();
        assert_eq!(due.is_some(), least.is_some());
        assert!(
            due.zip(least)
                .is_none_or(|(due, least)| began + least <= due)
        );
        assert!(due.is_none_or(|due| due < began + 2 * long));
    }
}

#[test]
fn a_body_is_left_unless_it_has_ended_or_was_too_late() {
    let bounds = BodyBounds {
        pause: None,
        rate: None,
    };
    let flow = Flow::default();
    flow.leave_body();
    assert!(!flow.leaves_body(), "there was none");
    flow.body_begins(bounds);
    assert!(flow.leaves_body());
    flow.leave_body();
    assert!(!flow.has_body());
    assert!(flow.leaves_body());

    let whole = Flow::default();
    whole.body_begins(bounds);
    whole.body_moved(5, true);
    whole.leave_body();
    assert!(!whole.leaves_body());

    let late = Flow::default();
    late.body_begins(bounds);
    late.give_up_body(Instant::now());
    late.leave_body();
    assert!(!late.leaves_body());
}
