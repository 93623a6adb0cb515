//! Pictures of the last hour, in an SVG of 600 by 100 units.

/// One bar a minute.
pub(super) struct Bars {
    /// Left edge, top edge and height of each that is more than nothing.
    pub(super) bars: Vec<(usize, f64, f64)>,
    /// The highest value.
    pub(super) most: u64,
    /// That of the running minute.
    pub(super) latest: u64,
    /// The sum of all values.
    pub(super) total: u64,
}

impl Bars {
    pub(super) fn new(values: impl Iterator<Item = u64>) -> Self {
        let values: Vec<u64> = values.collect();
        let most = values.iter().copied().max().unwrap_or(0);
        let bar = |(number, value): (usize, &u64)| {
            let height = (*value as f64 / most as f64 * HEIGHT).max(LEAST);
            (number * STEP, round(HEIGHT - height), round(height))
        };
        Self {
            bars: values
                .iter()
                .enumerate()
                .filter(|(_, value)| **value > 0)
                .map(bar)
                .collect(),
            most,
            latest: values.last().copied().unwrap_or(0),
            total: values.iter().sum(),
        }
    }
}

/// Two lines on one scale, in seconds, with gaps where nothing was measured.
pub(super) struct Line {
    /// The `d` attributes of the two SVG paths.
    pub(super) paths: [String; 2],
    /// The latest of each, as text.
    pub(super) latest: [String; 2],
    /// The top of the scale, as text; empty when there is nothing.
    pub(super) most: String,
}

impl Line {
    pub(super) fn new(series: [Vec<Option<f64>>; 2]) -> Self {
        let most = series
            .iter()
            .flatten()
            .flatten()
            .copied()
            .fold(0.0, f64::max);
        Self {
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
        let y = round(HEIGHT - value / most * (HEIGHT - LEAST));
        let (left, right) = (number * STEP, (number + 1) * STEP);
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

const HEIGHT: f64 = 100.0;
/// From one minute to the next.
const STEP: usize = 10;
/// What is not nothing is to be seen.
const LEAST: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_reach_from_the_bottom_to_their_height() {
        let bars = Bars::new([0, 1, 4, 2].into_iter());
        assert_eq!(
            bars.bars,
            [(10, 75.0, 25.0), (20, 0.0, 100.0), (30, 50.0, 50.0)]
        );
        assert_eq!((bars.most, bars.latest, bars.total), (4, 2, 7));
        assert!(Bars::new([0, 0].into_iter()).bars.is_empty());
    }

    #[test]
    fn a_line_has_gaps_and_says_its_scale() {
        let line = Line::new([vec![Some(0.002), None, Some(0.001)], vec![None; 3]]);
        assert_eq!(line.paths, ["M0 2L10 2M20 51L30 51", ""]);
        assert_eq!(line.most, "2.0 ms");
        assert_eq!(line.latest, ["1.0 ms".to_owned(), "–".to_owned()]);
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
