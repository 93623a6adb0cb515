//! Pictures of what was counted over a time, in an SVG of 600 by 100 units.

use crate::admin::history::{Minute, Range};
use crate::clock::UnixTime;

/// One bar a step, of parts that stand on each other.
pub(super) struct Bars {
    /// Those that are more than nothing.
    pub(super) bars: Vec<Bar>,
    /// The width of each.
    pub(super) width: f64,
    /// The highest value.
    pub(super) most: u64,
    /// The value at the top of the scale.
    pub(super) top: u64,
    /// The value of the running step.
    pub(super) latest: u64,
    /// The sum of all values.
    pub(super) total: u64,
}

/// One bar.
pub(super) struct Bar {
    /// The left edge.
    pub(super) x: f64,
    /// Class, top edge and height of each part.
    pub(super) parts: Vec<(&'static str, f64, f64)>,
    /// Time and values, in words.
    pub(super) title: String,
}

/// A part of all bars: its class and name, and its value in a step.
pub(super) type Part = (&'static str, &'static str, fn(&Minute) -> u64);

impl Bars {
    /// Of steps up to `now`.
    pub(super) fn new(steps: &[Minute], range: Range, now: UnixTime, parts: &[Part]) -> Self {
        let sum = |step: &Minute| parts.iter().map(|(_, _, value)| value(step)).sum::<u64>();
        let most = steps.iter().map(sum).max().unwrap_or(0);
        let scale = round_up(most);
        let step = WIDTH / steps.len().max(1) as f64;
        let bar = |(number, minute): (usize, &Minute)| {
            let mut top = HEIGHT;
            let mut drawn = Vec::new();
            let mut said = Vec::new();
            for (class, name, value) in parts {
                let value = value(minute);
                if value == 0 {
                    continue;
                }
                let height = (value as f64 / scale as f64 * HEIGHT).max(LEAST);
                top = (top - height).max(0.0);
                drawn.push((*class, round(top), round(height)));
                said.push(match parts.len() {
                    1 => value.to_string(),
                    _ => format!("{value} {name}"),
                });
            }
            Bar {
                x: round(number as f64 * step),
                parts: drawn,
                title: format!(
                    "{}: {}",
                    time(steps.len() - number, range, now),
                    said.join(", ")
                ),
            }
        };
        let shown = steps
            .iter()
            .enumerate()
            .filter(|(_, minute)| sum(minute) > 0);
        Self {
            bars: shown.map(bar).collect(),
            width: round(step * 0.8),
            most,
            top: scale,
            latest: steps.last().map_or(0, sum),
            total: steps.iter().map(sum).sum(),
        }
    }
}

/// The smallest number of one digit and zeros that is at least `value`, and even unless it is 1: its half is
/// on the scale, too.
fn round_up(value: u64) -> u64 {
    let mut unit = 1;
    loop {
        let fits = |digit: &u64| digit.saturating_mul(unit) >= value;
        match [1, 2, 4, 6, 8, 10].into_iter().find(fits) {
            Some(digit) => return digit.saturating_mul(unit),
            None => unit = unit.saturating_mul(10),
        }
    }
}

/// The times along the bottom of a picture up to `now`, in UTC.
pub(super) fn times(range: Range, now: UnixTime) -> Vec<String> {
    let at = |quarters: u32| {
        let at = now.minus(range.length() * quarters / 4).rfc3339();
        let text = match range {
            Range::Hour | Range::Day => at.get(11..16),
            Range::Week => at.get(5..10),
        };
        text.unwrap_or_default().to_owned()
    };
    let first = [format!("{} UTC", at(4))];
    let last = ["now".to_owned()];
    first
        .into_iter()
        .chain([3, 2, 1].map(at))
        .chain(last)
        .collect()
}

/// When the step began that many steps ago.
fn time(steps: usize, range: Range, now: UnixTime) -> String {
    let ago = range.step() * u32::try_from(steps).unwrap_or(u32::MAX);
    let at = now.minus(ago).rfc3339();
    let (date, time) = at.split_once('T').unwrap_or(("", ""));
    let minutes = time.get(..5).unwrap_or(time);
    match range {
        Range::Hour | Range::Day => format!("{minutes} UTC"),
        Range::Week => format!("{date} {minutes} UTC"),
    }
}

/// A measured step of a line: its left edge, and time and values in words.
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) title: String,
}

/// Two lines on one scale, in seconds, with gaps where nothing was measured.
pub(super) struct Line {
    /// The `d` attributes of the two SVG paths.
    pub(super) paths: [String; 2],
    /// The latest of each, as text.
    pub(super) latest: [String; 2],
    /// The top of the scale, as text; empty when there is nothing.
    pub(super) most: String,
    /// The middle of the scale.
    pub(super) half: String,
    /// Where something was measured.
    pub(super) points: Vec<Point>,
    /// The width of each.
    pub(super) width: f64,
}

impl Line {
    /// Of half of the requests and of 95 % of them, in steps up to `now`.
    pub(super) fn new(series: [Vec<Option<f64>>; 2], range: Range, now: UnixTime) -> Self {
        let most = series
            .iter()
            .flatten()
            .flatten()
            .copied()
            .fold(0.0, f64::max);
        let [median, p95] = &series;
        let median_len = median.len();
        let step = WIDTH / median_len.max(1) as f64;
        let point = |(number, values): (usize, (&Option<f64>, &Option<f64>))| {
            let (Some(median), Some(p95)) = values else {
                return None;
            };
            Some(Point {
                x: round(number as f64 * step),
                title: format!(
                    "{}: half within {}, 95 % within {}",
                    time(median_len - number, range, now),
                    duration(*median),
                    duration(*p95)
                ),
            })
        };
        let measured = median.iter().zip(p95).enumerate();
        Self {
            points: measured.filter_map(point).collect(),
            width: round(step),
            half: if most > 0.0 {
                duration(most / 2.0)
            } else {
                String::new()
            },
            paths: series.each_ref().map(|values| path(values, most)),
            latest: series.each_ref().map(|values| {
                let latest = values.iter().rev().flatten().next();
                latest.map_or_else(|| "–".to_owned(), |seconds| duration(*seconds))
            }),
            most: if most > 0.0 {
                duration(most)
            } else {
                String::new()
            },
        }
    }
}

fn path(values: &[Option<f64>], most: f64) -> String {
    let mut data = String::new();
    let mut drawing = false;
    for (number, value) in values.iter().enumerate() {
        let Some(value) = value else {
            drawing = false;
            continue;
        };
        let y = round(HEIGHT - value / most * HEIGHT);
        let step = WIDTH / values.len() as f64;
        let (left, right) = (
            round(number as f64 * step),
            round((number + 1) as f64 * step),
        );
        let command = if drawing { 'L' } else { 'M' };
        // A minute is as wide as its bar, so that one alone is to be seen.
        data.push_str(&format!("{command}{left} {y}L{right} {y}"));
        drawing = true;
    }
    data
}

/// In the unit that leaves it between 1 and 1000, with two digits that say something.
fn duration(seconds: f64) -> String {
    let (value, unit) = if seconds >= 1.0 {
        (seconds, "s")
    } else if seconds >= 0.001 {
        (seconds * 1e3, "ms")
    } else {
        (seconds * 1e6, "µs")
    };
    let digits = usize::from(value < 10.0);
    format!("{value:.digits$} {unit}")
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;
/// What is not nothing is to be seen.
const LEAST: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn step(requests: u64, server_errors: u64) -> Minute {
        Minute {
            requests,
            server_errors,
            ..Minute::default()
        }
    }

    #[test]
    fn bars_stand_on_each_other_and_say_their_time() {
        let steps = [step(0, 0), step(1, 0), step(4, 1), step(2, 0)];
        let parts: [Part; 2] = [
            ("good", "answered", |step| {
                step.requests - step.server_errors
            }),
            ("bad", "failed", |step| step.server_errors),
        ];
        let now = UnixTime(1_800_000_000);
        let bars = Bars::new(&steps, Range::Hour, now, &parts);
        assert_eq!((bars.most, bars.latest, bars.total), (4, 2, 7));
        let drawn: Vec<_> = bars
            .bars
            .iter()
            .map(|bar| (bar.x, bar.parts.clone()))
            .collect();
        assert_eq!(
            drawn,
            [
                (150.0, vec![("good", 75.0, 25.0)]),
                (300.0, vec![("good", 25.0, 75.0), ("bad", 0.0, 25.0)]),
                (450.0, vec![("good", 50.0, 50.0)]),
            ]
        );
        assert_eq!(bars.bars[1].title, "07:58 UTC: 3 answered, 1 failed");
        assert!(
            Bars::new(&[step(0, 0)], Range::Week, now, &parts)
                .bars
                .is_empty()
        );
    }

    #[test]
    fn a_line_has_gaps_and_says_its_scale() {
        let now = UnixTime(1_800_000_000);
        let series = [
            vec![Some(0.001), None, Some(0.0005)],
            vec![Some(0.002), None, Some(0.001)],
        ];
        let line = Line::new(series, Range::Hour, now);
        assert_eq!(
            line.paths,
            ["M0 50L200 50M400 75L600 75", "M0 0L200 0M400 50L600 50"]
        );
        assert_eq!((&*line.most, &*line.half), ("2.0 ms", "1.0 ms"));
        assert_eq!(line.latest, ["500 µs", "1.0 ms"]);
        let said: Vec<_> = line.points.iter().map(|at| (at.x, &*at.title)).collect();
        assert_eq!(
            said,
            [
                (0.0, "07:57 UTC: half within 1.0 ms, 95 % within 2.0 ms"),
                (400.0, "07:59 UTC: half within 500 µs, 95 % within 1.0 ms"),
            ]
        );
        let nothing = Line::new([vec![None; 3], vec![None; 3]], Range::Hour, now);
        assert_eq!((nothing.most, nothing.points.len()), (String::new(), 0));
        assert_eq!(nothing.latest, ["–", "–"]);
    }

    #[test]
    fn a_scale_ends_in_a_round_number_and_its_times_are_in_order() {
        for (value, top) in [
            (0, 1),
            (1, 1),
            (3, 4),
            (5, 6),
            (9, 10),
            (42, 60),
            (101, 200),
        ] {
            assert_eq!(round_up(value), top, "{value}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
        let now = UnixTime(1_800_000_000);
        assert_eq!(
            times(Range::Hour, now),
            ["07:00 UTC", "07:15", "07:30", "07:45", "now"]
        );
        assert_eq!(times(Range::Week, now)[0], "01-08 UTC");
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        for (seconds, text) in [
            (0.000_012, "12 µs"),
            (0.0034, "3.4 ms"),
            (0.5, "500 ms"),
            (2.0, "2.0 s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
