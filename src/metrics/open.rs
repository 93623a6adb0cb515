//! Counting what is open.

use prometheus::IntGauge;

/// One of what a gauge counts, until it is dropped.
#[derive(Debug)]
pub struct Open(IntGauge);

impl Open {
    /// Increments the gauge until this value is dropped.
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_until_it_is_dropped() {
        let gauge = IntGauge::new("open", "What is open.").unwrap();
        let (one, other) = (Open::new(&gauge), Open::new(&gauge));
        assert_eq!(gauge.get(), 2);
        drop(one);
        assert_eq!(gauge.get(), 1);
        drop(other);
        assert_eq!(gauge.get(), 0);
    }
}
