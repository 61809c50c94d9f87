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

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::PathBuf,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::{MOST_NAMES, matching};

    /// A folder of the test's own, gone after it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(files: &[&str]) -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("dayfly-matching-{}-{number}", std::process::id()));
            for file in files {
                let file = path.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, "").unwrap();
            }
            Self(path)
        }

        fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
            matching(&self.0, pattern, "preview.yaml")
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_pattern_names_files_and_not_the_policy() {
        let scratch =
            Scratch::new(&["preview.yaml", "a.yaml", ".b.yaml", "c.yml", "d.yaml/e", "f/preview.yaml", "f/g"]);
        for (pattern, expected) in [
            ("*.yaml", Ok(["a.yaml"])),
            ("f/*.yaml", Ok(["f/preview.yaml"])),
            ("none.yaml", Ok(["none.yaml"])),
            ("*/*.yaml", Err("`*/*.yaml`: `*` may stand in the last part only")),
            ("*/g", Err("`*/g`: `*` may stand in the last part only")),
            ("f", Err("`f` is a folder: `f/*.yaml` are the files in it")),
            ("f/*.yml", Err("`f/*.yml` matches no file")),
        ] {
            let expected = expected.map(|files| files.map(str::to_owned).to_vec()).map_err(str::to_owned);
            assert_eq!(scratch.matching(pattern), expected);
        }
    }

    /// In whatever order a disk has them.
    #[test]
    fn files_have_an_order() {
        let names: Vec<String> = (100..200).map(|number| format!("{number}.yaml")).collect();
        let scratch = Scratch::new(&names.iter().rev().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(scratch.matching("*.yaml"), Ok(names));
    }

    #[test]
    fn a_folder_is_not_looked_through_without_end() {
        let names: Vec<String> = (0..MOST_NAMES).map(|number| number.to_string()).collect();
        let scratch = Scratch::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(scratch.matching("1*").map(|files| files.len()), Ok(1111));
        fs::write(scratch.0.join("more"), "").unwrap();
        assert_eq!(scratch.matching("1*"), Err("`1*`: more than 10000 files in one folder".to_owned()));
    }
}
