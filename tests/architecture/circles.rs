//! Circles: sets of which each member leads to each other.

use std::collections::BTreeSet;

use super::arrows::Arrows;

/// All of them, none twice.
pub fn find(arrows: &Arrows) -> Vec<BTreeSet<String>> {
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for start in arrows.keys() {
        if circles.iter().any(|circle| circle.contains(start)) {
            continue;
        }
        let ahead = reachable(arrows, start);
        if ahead.contains(start) {
            let back = |other: &String| reachable(arrows, other).contains(start);
            circles.push(ahead.into_iter().filter(back).collect());
        }
    }
    circles
}

/// What can be reached from there by at least one arrow.
pub fn reachable(arrows: &Arrows, start: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![start];
    while let Some(at) = next.pop() {
        for target in arrows.get(at).into_iter().flatten() {
            if reached.insert(target.clone()) {
                next.push(target);
            }
        }
    }
    reached
}
