//! Many measurements of the same, and what they say together.

/// One measurement of each round.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<f64>);

impl Series {
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => sorted[length / 2],
            length => (sorted[length / 2 - 1] + sorted[length / 2]) / 2.0,
        }
    }

    /// How far the middle half of the rounds is spread, in percent of the median.
    pub fn spread(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted.len() / 4, sorted.len() - 1 - sorted.len() / 4);
        (sorted[high] - sorted[low]) / self.median().abs() * 100.0
    }

    /// The lowest and the highest.
    pub fn range(&self) -> (f64, f64) {
        let all = || self.0.iter().copied();
        (
            all().fold(f64::INFINITY, f64::min),
            all().fold(f64::NEG_INFINITY, f64::max),
        )
    }

    /// Round by round.
    pub fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(one, other)| combine(*one, *other)).collect())
    }

    /// Round by round, how many times the other.
    pub fn over(&self, other: &Self) -> Self {
        self.with(other, |one, other| one / other)
    }

    /// Round by round, how much more than the other.
    pub fn above(&self, other: &Self) -> Self {
        self.with(other, |one, other| one - other)
    }

    /// Round by round, the sum.
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, |one, other| one + other)
    }
}

/// A place in the order of a round: every round starts at another one.
pub fn turned(length: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..length).map(move |place| (place + round * 3) % length)
}
