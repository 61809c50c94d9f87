//! Which files a pattern of `manifests` names.

use std::{fs, path::Path};

use crate::input::{open_below, pattern::fits};

/// Most names that a folder may have.
const MOST_NAMES: usize = 10_000;

/// The files that a pattern names, relative to `root`, sorted; with a `*`, none that is called `policy` there.
pub(super) fn matching(root: &Path, pattern: &str, policy: &str) -> Result<Vec<String>, String> {
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
