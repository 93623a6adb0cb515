//! The `kid`s that tokens name and whose keys are not known.

/// Those that the next fetch asks for. Whoever makes tokens up can name as many as they like, so that some of
/// them are left out; which ones is not for them to choose.
///
/// The first [`FIRST`] since the last fetch are all asked for. Of those that are named after them, a lot
/// draws [`DRAWN`] times, as often as they are named and whenever that is. A `kid` that is in one of `n` tokens is
/// therefore asked for by a fetch with a probability of at least 1 - (1 - 1/n)^12, whatever the others name: among 20
/// forged tokens for each good one by every second fetch, among 100 by every ninth, on average.
#[derive(Debug, Default)]
pub(super) struct Asked {
    first: Vec<String>,
    drawn: Vec<String>,
    /// How many lots there are: the times that one was named which is not among the first.
    lots: usize,
}

impl Asked {
    /// How many there can be.
    pub(super) const MOST: usize = FIRST + DRAWN;

    /// A token names it.
    pub(super) fn add(&mut self, kid: &str) {
        if self.first.iter().any(|first| first == kid) {
            return;
        }
        if self.first.len() < FIRST {
            self.first.push(kid.to_owned());
            return;
        }
        self.lots = self.lots.saturating_add(1);
        if self.drawn.len() < DRAWN {
            self.drawn.push(kid.to_owned());
            return;
        }
        // Reservoir sampling: of all lots so far, each is among the drawn ones with the same probability.
        if let Some(place) = self.drawn.get_mut(fastrand::usize(..self.lots)) {
            kid.clone_into(place);
        }
    }

    /// Takes them out, each once, and starts over.
    pub(super) fn take(&mut self) -> Vec<String> {
        let Self { first, drawn, .. } = std::mem::take(self);
        let mut kids = first;
        for kid in drawn {
            if !kids.contains(&kid) {
                kids.push(kid);
            }
        }
        kids
    }
}

const FIRST: usize = 4;
const DRAWN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn forged(number: usize) -> String {
        format!("forged-{number}")
    }

    #[test]
    fn each_is_asked_for_once_and_not_too_many_are() {
        let mut asked = Asked::default();
        for number in 0..3 {
            for _ in 0..100 {
                asked.add(&forged(number));
            }
        }
        assert_eq!(asked.take(), [0, 1, 2].map(forged));
        assert!(asked.take().is_empty());
        for number in 0..10_000 {
            asked.add(&forged(number));
        }
        assert_eq!(asked.take().len(), Asked::MOST);
    }

    /// Wherever between two fetches the one good token comes among twenty.
    #[test]
    fn forged_tokens_do_not_keep_a_good_one_from_being_asked_for() {
        let mut asked = Asked::default();
        for place in [0, 10, 20] {
            let mut times = 0;
            for _ in 0..400 {
                for number in 0..FIRST + 21 * 20 {
                    match number >= FIRST && (number - FIRST) % 21 == place {
                        true => asked.add("good"),
                        false => asked.add(&forged(number)),
                    }
                }
                times += usize::from(asked.take().iter().any(|kid| kid == "good"));
            }
            // 44 % of the fetches, with a standard deviation of 10.
            assert!(times > 120, "{times} of 400");
        }
    }
}
