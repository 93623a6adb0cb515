//! When an event that was not accepted is sent again.

use std::time::Duration;

use super::client::Answer;
use super::settings::Webhook;
use crate::clock::UnixTime;
use crate::store::{Delivery, DeliveryState};

/// What becomes of a delivery after an answer.
pub(super) fn after(
    settings: &Webhook,
    delivery: Delivery,
    answer: &Answer,
    now: UnixTime,
) -> Delivery {
    let attempts = delivery.attempts.saturating_add(1);
    let next_at = now.plus(pause(
        settings,
        attempts,
        answer.retry_after,
        fastrand::f64(),
    ));
    let state = if answer.is_accepted {
        DeliveryState::Delivered
    } else if delivery.since.plus(settings.give_up_after) < next_at {
        DeliveryState::Parked
    } else {
        DeliveryState::Pending
    };
    Delivery {
        state,
        attempts,
        next_at,
        last_at: Some(now),
        answer: Some(answer.text.clone()),
        ..delivery
    }
}

/// The pause after so many failures: twice the one before, up to the longest, and of that a random
/// part between a half and all, so that receivers are not met by all events at once.
fn pause(settings: &Webhook, failures: u32, asked: Option<Duration>, random: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let longest = settings.max_retry_after;
    let pause = settings.retry_after.saturating_mul(doubled).min(longest);
    let pause = pause.mul_f64(0.5 + random / 2.0);
    let asked = asked.unwrap_or_default().min(longest);
    pause.max(asked).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Event, NumberedEvent};

    fn settings() -> Webhook {
        let text = r#"{"name": "app", "url": "https://app.example", "secrets": []}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let settings = settings();
        let seconds = |failures, random| pause(&settings, failures, None, random).as_secs_f64();
        assert_eq!(
            [seconds(1, 1.0), seconds(2, 1.0), seconds(5, 1.0)],
            [5.0, 10.0, 80.0]
        );
        assert_eq!(seconds(2, 0.0), 5.0);
        let longest = settings.max_retry_after.as_secs_f64();
        assert_eq!(
            [seconds(20, 1.0), seconds(u32::MAX, 1.0)],
            [longest, longest]
        );
        let asked = pause(&settings, 1, Some(Duration::from_secs(100)), 0.0);
        assert_eq!(asked.as_secs(), 100);
        let asked = pause(&settings, 1, Some(Duration::MAX), 0.0);
        assert_eq!(asked, settings.max_retry_after);
    }

    #[test]
    fn an_event_is_parked_after_three_days() {
        let settings = settings();
        let begun = UnixTime(1_800_000_000);
        let event = NumberedEvent {
            sequence: 1,
            event: Event::test(begun),
        };
        let refused = Answer {
            is_accepted: false,
            text: "503".to_owned(),
            retry_after: None,
        };
        let mut delivery = Delivery::pending(&event, begun);
        while delivery.state == DeliveryState::Pending {
            let now = delivery.next_at;
            assert!(now <= begun.plus(settings.give_up_after));
            delivery = after(&settings, delivery, &refused, now);
        }
        assert_eq!(delivery.state, DeliveryState::Parked);
        assert_eq!(delivery.answer.as_deref(), Some("503"));
        // 5 s, 10 s, ... 6 h, and then each 3 to 6 h.
        assert!(
            (20..45).contains(&delivery.attempts),
            "{}",
            delivery.attempts
        );

        let accepted = Answer {
            is_accepted: true,
            text: "204".to_owned(),
            ..refused
        };
        let late = after(
            &settings,
            delivery,
            &accepted,
            begun.plus(10 * settings.give_up_after),
        );
        assert_eq!(late.state, DeliveryState::Delivered);
    }
}
