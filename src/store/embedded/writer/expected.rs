//! How many jobs will share the next commit, by how many shared the ones before.

/// What is expected of the next commit.
#[derive(Debug, Default)]
pub(super) struct Expected {
    jobs: usize,
    /// For how many commits no more are expected than came, because more were awaited in vain.
    grows_after: usize,
}

impl Expected {
    /// How many jobs the next commit should wait for.
    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    /// Notes that so many shared a commit. Where all came that were expected, there may be more: half as
    /// many again are expected of the next. Where fewer came, the wait for the others was in vain.
    pub(super) fn learn(&mut self, came: usize) {
        let all_came = came >= self.jobs;
        self.jobs = match (all_came, self.grows_after) {
            (true, 0) => came + came / 2,
            (true, _) => came,
            (false, _) => came.max(self.jobs / 2),
        };
        self.grows_after = match all_came {
            true => self.grows_after.saturating_sub(1),
            false => PAUSE,
        };
    }
}

/// Commits after one for which some were awaited in vain, until more are expected than came.
const PAUSE: usize = 16;

#[cfg(test)]
mod tests {
    use super::Expected;

    /// What is expected after each of some commits, for each of which so many come at most.
    fn after(expected: &mut Expected, commits: usize, most: usize) -> Vec<usize> {
        let next = |_| {
            expected.learn(expected.jobs().clamp(most / 4, most));
            expected.jobs()
        };
        (0..commits).map(next).collect()
    }

    #[test]
    fn more_are_expected_until_no_more_come_and_then_seldom() {
        let mut expected = Expected::default();
        assert_eq!(after(&mut expected, 5, 64), [24, 36, 54, 81, 64]);
        let later = after(&mut expected, 2 * 18, 64);
        assert_eq!(later.iter().filter(|jobs| **jobs > 64).count(), 2);
    }

    #[test]
    fn who_writes_alone_is_soon_not_expected_to_have_company() {
        let mut expected = Expected::default();
        after(&mut expected, 5, 64);
        assert_eq!(after(&mut expected, 6, 1), [32, 16, 8, 4, 2, 1]);
        // Nor after any number of commits.
        assert_eq!(after(&mut expected, 40, 1), [1; 40]);
    }
}
