//! [`nearest`]: the name that was probably meant.

/// A name that differs from a known one by more than so many letters is another name.
const MOST_LETTERS: usize = 2;

/// Of what is known by a name, the one whose name is nearest to a misspelt one, if any is near; of several
/// the first.
pub(super) fn nearest<T>(
    misspelt: &str,
    known: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
) -> Option<T> {
    let letters = |one: &T| strsim::damerau_levenshtein(name(one), misspelt);
    let near = known.into_iter().filter(|one| letters(one) <= MOST_LETTERS);
    near.min_by_key(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_others_are_not() {
        let known = ["limit", "limits", "components"];
        let found = |misspelt| nearest(misspelt, known, |name| name);
        assert_eq!(found("limti"), Some("limit"));
        assert_eq!(found("limitz"), Some("limit"));
        assert_eq!(found("componets"), Some("components"));
        assert_eq!(found("test-data"), None);
    }
}
