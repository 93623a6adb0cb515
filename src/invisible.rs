//! Characters that show nothing of their own, by which a text can look like another one.

use std::ops::RangeInclusive;

/// Whether the character shows nothing, or changes how others are shown: controls, soft hyphens, fillers, zero
/// widths, marks and overrides of a direction, line and paragraph separators, variation selectors, tags.
pub fn is_invisible(character: char) -> bool {
    character.is_control() || is_in(&NEVER_NEEDED, character) || is_in(&JOINED, character)
}

/// Each character of a text, and whether it hides in it. Joiners, marks of a direction, variation selectors and
/// tags do so behind ASCII alone, where no script needs them: names in Persian and Hebrew have them, and emoji.
pub fn hidden_in(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut follows_script = false;
    text.chars().map(move |character| {
        let is_hidden = character.is_control()
            || is_in(&NEVER_NEEDED, character)
            || (is_in(&JOINED, character) && !follows_script);
        follows_script = !is_hidden && !character.is_ascii();
        (character, is_hidden)
    })
}

fn is_in(ranges: &[RangeInclusive<char>], character: char) -> bool {
    ranges.iter().any(|range| range.contains(&character))
}

/// No name needs these.
const NEVER_NEEDED: [RangeInclusive<char>; 12] = [
    '\u{ad}'..='\u{ad}',
    '\u{115f}'..='\u{1160}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e001f}',
];
/// These are part of the character before them.
const JOINED: [RangeInclusive<char>; 7] = [
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{180b}'..='\u{180d}',
    '\u{200c}'..='\u{200f}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{e0020}'..='\u{e007f}',
    '\u{e0100}'..='\u{e01ef}',
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        let found = hidden_in(text).filter(|(_, is_hidden)| *is_hidden);
        found.map(|(character, _)| character).collect()
    }

    #[test]
    fn what_hides_behind_ascii_is_found() {
        for (text, found) in [
            ("evil\u{202e}gnp.exe", "\u{202e}"),
            ("ada\u{200b}@a.test", "\u{200b}"),
            ("ada\u{200d}\u{200d}", "\u{200d}\u{200d}"),
            ("ada\u{e0041}\u{e007f}", "\u{e0041}\u{e007f}"),
            ("ada\u{fe0f}\u{e0100}\u{34f}", "\u{fe0f}\u{e0100}\u{34f}"),
            ("\u{3164}", "\u{3164}"),
            ("ש\u{200b}\u{200d}", "\u{200b}\u{200d}"),
            ("a\r\nb\u{9b}", "\r\n\u{9b}"),
        ] {
            assert_eq!(hidden(text), found, "{text:?}");
            assert!(found.chars().all(is_invisible), "{text:?}");
        }
    }

    #[test]
    fn what_scripts_and_emoji_need_is_theirs() {
        for text in [
            "ada@a.test",
            "שלום\u{200f} ada",
            "می\u{200c}خواهم",
            "👩\u{200d}👦",
            "❤\u{fe0f}",
            // The flag of England.
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "葛\u{e0100}",
        ] {
            assert_eq!(hidden(text), "", "{text:?}");
        }
    }
}
