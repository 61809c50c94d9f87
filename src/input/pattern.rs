//! Patterns with `*`, as `manifests` and the targets of patches have them.

/// Whether `name` is what a pattern with `*` says: each stretch between stars is found behind the one before it.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut stretches = pattern.split('*');
    let first = stretches.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let stretches: Vec<&str> = stretches.collect();
    let Some((last, middle)) = stretches.split_last() else { return rest.is_empty() };
    for stretch in middle {
        match rest.find(stretch) {
            Some(found) => rest = &rest[found + stretch.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_part() {
        for (pattern, name, fine) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("*", "x", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), fine, "{pattern} {name}");
        }
    }
}
