//! Metrics as an operator's collector reads them.

/// One scrape in the text exposition format.
pub struct Metrics(Vec<Sample>);

struct Sample {
    name: String,
    labels: String,
    value: f64,
}

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let value = value.parse().expect("a sample's value is a number");
            Sample {
                name: name.to_owned(),
                labels: labels.to_owned(),
                value,
            }
        };
        let samples = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(samples.map(sample).collect())
    }

    /// The sum over all series of that name which have all of these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matches = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(label, value)| sample.labels.contains(&format!("{label}=\"{value}\"")))
        };
        self.0
            .iter()
            .filter(matches)
            .fold(0.0, |sum, sample| sum + sample.value)
    }

    /// Whether any label has that value.
    pub fn mentions(&self, text: &str) -> bool {
        self.0.iter().any(|sample| sample.labels.contains(text))
    }
}
