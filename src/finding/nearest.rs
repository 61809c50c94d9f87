//! What somebody may have meant.

/// Of more names nobody is told the nearest: a hostile file has thousands, and as many that are misspelt.
const MOST_COMPARED: usize = 200;

/// Most names that are listed; of more, the nearest few.
const MOST_LISTED: usize = 20;
const NEAREST: usize = 3;

/// `: did you mean `x`?`, or what else there is to choose from; nothing if there is nothing.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.collect();
    if candidates.len() > MOST_COMPARED {
        return String::new();
    }
    let near = by_distance(name, candidates.iter().copied());
    if let Some(meant) = first(name, &near) {
        return meant_by(meant);
    }
    match candidates.len() {
        0 => String::new(),
        1..=MOST_LISTED => format!("; there is `{}`", candidates.join("`, `")),
        all => {
            let near: Vec<&str> = near.into_iter().take(NEAREST).map(|(_, candidate)| candidate).collect();
            format!("; nearest of {all} are `{}`", near.join("`, `"))
        }
    }
}

/// `: did you mean `x`?`, if one is near enough.
pub fn meant<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    likely(name, candidates).map(meant_by)
}

/// The nearest, if it is near enough.
pub fn likely<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    first(name, &by_distance(name, candidates))
}

fn meant_by(candidate: &str) -> String {
    format!(": did you mean `{candidate}`?")
}

/// A third of the letters may be wrong: of more, a short name would be near anything.
fn first<'a>(name: &str, near: &[(usize, &'a str)]) -> Option<&'a str> {
    let (distance, candidate) = *near.first()?;
    let letters = name.chars().count().max(candidate.chars().count()).max(3);
    (distance <= letters / 3).then_some(candidate)
}

fn by_distance<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<(usize, &'a str)> {
    let mut near: Vec<(usize, &str)> = candidates.map(|candidate| (distance(name, candidate), candidate)).collect();
    near.sort_unstable();
    near
}

/// Letters of a name that are compared.
const LONGEST: usize = 64;

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment); capital letters count as equal.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).take(LONGEST).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).take(LONGEST).collect();
    // The row, the one before it, and the one before that.
    let [mut row, mut last, mut before] = [[0; LONGEST + 1]; 3];
    for (j, distance) in row.iter_mut().enumerate() {
        *distance = j;
    }
    for i in 1..=a.len() {
        (row, last, before) = (before, row, last);
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_what_was_meant() {
        let fields = ["services", "secrets", "routes", "ttl"];
        assert_eq!(nearest("servcies", fields.into_iter()), ": did you mean `services`?");
        assert_eq!(nearest("TTL", fields.into_iter()), ": did you mean `ttl`?");
        assert_eq!(nearest("zzz", fields.into_iter()), "; there is `services`, `secrets`, `routes`, `ttl`");
        assert_eq!(nearest("zzz", [].into_iter()), "");
        let many: Vec<String> = (100..121).map(|n| format!("name-{n}")).collect();
        let all = nearest("zzz", many[1..].iter().map(String::as_str));
        assert!(all.starts_with("; there is `name-101`, ") && all.ends_with(", `name-120`"), "{all}");
        assert_eq!(
            nearest("zzz-1x0", many.iter().map(String::as_str)),
            "; nearest of 21 are `name-100`, `name-110`, `name-120`"
        );
    }
}
