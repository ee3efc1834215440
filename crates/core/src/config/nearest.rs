//! The nearest valid word to a mistyped one.

/// Longer words are not compared: the distance is quadratic and nobody mistypes a word that long.
const MAX_WORD: usize = 160;

/// The candidate that `word` was most likely meant to be, if one is near enough.
///
/// Case does not count. Near enough means at most one slip (insertion, deletion, replacement or swap of
/// neighbours) for every three letters of the longer word, and at least one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > MAX_WORD {
        return None;
    }
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_WORD)
        .filter_map(|candidate| {
            let allowed = (word.len().max(candidate.len()) / 3).max(1);
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
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), expected, "{word}");
        }
        assert_eq!(nearest(&"t".repeat(1000), keys), None);
    }
}
