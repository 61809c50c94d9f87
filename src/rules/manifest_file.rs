//! The team's manifests are files beside the policy.

use std::{fs, path::Path};

use crate::{
    finding::{Rule, Severity},
    input::open_below,
};

/// About an entry of `manifests` and the files that it names.
pub static MANIFEST_FILE: Rule = Rule {
    code: "manifest-file",
    severity: Severity::Error,
    summary: "`manifests` names files below the policy's folder",
    explanation: "`deploy/*.yaml` matches names in one folder; `*` stands for any part of a file's name, and never for the \
                  policy's own. A file that two patterns match is read once. Links that lead out of the folder are refused, and a \
                  pattern that matches nothing is a mistake. A file has at most 1 MiB and 200 documents, all files together have 8 MiB, 2000 documents and \
                  1500000 keys, values and lists; what YAML's aliases repeat counts again.",
};

/// Most names that a folder may have.
const MOST_NAMES: usize = 10_000;

/// The files that a pattern names, relative to `root`, sorted; with a `*`, none that is called `policy` there.
pub(crate) fn matching(root: &Path, pattern: &str, policy: &str) -> Result<Vec<String>, String> {
    let (folder, names) = pattern.rsplit_once('/').map_or(("", pattern), |(folder, names)| (folder, names));
    if folder.contains('*') {
        return Err(format!("`{pattern}`: `*` may stand in the last part only"));
    }
    if !names.contains('*') {
        if open_below(root, pattern).is_ok_and(|path| path.is_dir()) {
            return Err(format!("`{pattern}` is a folder: `{pattern}/*.yaml` are the files in it"));
        }
        return Ok(vec![pattern.to_owned()]);
    }
    let listing = open_below(root, folder).and_then(|below| Ok((fs::read_dir(&below)?, below)));
    let (listing, below) = listing.map_err(|error| format!("`{pattern}`: {error:#}"))?;
    let is_policy = |name: &str| name == policy && open_below(root, "").is_ok_and(|root| root == below);
    let mut files = Vec::new();
    for (count, entry) in listing.enumerate() {
        let entry = entry.map_err(|error| format!("`{pattern}`: {error}"))?;
        let name = entry.file_name();
        if count >= MOST_NAMES {
            return Err(format!("`{pattern}`: more than {MOST_NAMES} files in one folder"));
        }
        // A name that is no UTF-8 matches no pattern.
        let Some(name) = name.to_str().filter(|name| fits(names, name) && !name.starts_with('.')) else { continue };
        let file = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let is_folder = match entry.file_type() {
            // One that leads out of the folder is told, wherever it leads.
            Ok(kind) if kind.is_symlink() => open_below(root, &file).is_ok_and(|path| path.is_dir()),
            kind => kind.is_ok_and(|kind| kind.is_dir()),
        };
        if !(is_folder || is_policy(name)) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(format!("`{pattern}` matches no file")) } else { Ok(files) }
}

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
