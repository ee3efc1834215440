//! The nearest valid word to a mistyped one.

/// Longer words are not compared: the distance is quadratic and nobody mistypes a word that long.
const MAX_WORD: usize = 160;

/// The candidate that `word` was most likely meant to be, if one is near enough.
///
/// Case does not count. Near enough means at most one slip (insertion, deletion, replacement or swap of
/// neighbours) for every three letters of the longer word, at least one and at most three.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    if letters == 0 || letters > MAX_WORD {
        return None;
    }
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let others = candidate.chars().count();
            let allowed = (letters.max(others) / 3).clamp(1, 3);
            // The distance is at least the difference in length, and costs far more.
            if letters.abs_diff(others) > allowed {
                return None;
            }
            let distance = strsim::osa_distance(&word, &candidate.to_ascii_lowercase());
            (distance <= allowed).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_nothing_else() {
        let keys = ["contract", "need", "require", "timeout", "transport"];
        for (word, expected) in [
            ("trasport", Some("transport")),
            ("Transport", Some("transport")),
            ("tiemout", Some("timeout")),
            ("need", Some("need")),
            ("ned", Some("need")),
            ("colour", None),
            ("tränspört", Some("transport")),
            ("a_transporter", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
        assert_eq!(nearest(&"t".repeat(1000), keys), None);
    }
}
