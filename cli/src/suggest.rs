//! Suggestions for mistyped words.

/// The candidate nearest to `word`, if its Jaro-Winkler similarity is at least 0.8.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// A hint that suggests the nearest candidate, or `otherwise` if no candidate is near.
pub(crate) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    nearest(word, candidates).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_offered_and_far_ones_are_not() {
        let known = ["finding", "key", "path", "reason", "until"];
        for (typed, meant) in
            [("resaon", Some("reason")), ("Path", Some("path")), ("findings", Some("finding")), ("zzz", None)]
        {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
