//! The files that a migration is made of: which ran in a branch, and whether they are the same in the image now.
//!
//! A tool that remembers names only, or one that warns of an edited migration and goes on, leaves the tables that the old one
//! made. So a policy may name what is only ever added to: what ran in the branch and is another now, or gone, was rewritten.
//!
//! Paths are data: nothing in them is expanded, and no program is asked.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Read as _},
};

use anyhow::{Result, anyhow};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::{
    failure::{Refused, refuse},
    schema::hexadecimal,
};
use crate::{
    finding::{one_line, visible},
    input::scalar::ImagePath,
};

/// SHA-256 of each file, by its path as the policy begins it.
pub type Files = BTreeMap<String, String>;

/// How much is looked at: migrations are small, and what is recorded must fit into one statement of any server's.
const LIMITS: Limits = Limits { entries: 10_000, bytes: 256 << 20, names: 1 << 20, depth: 32 };

#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Files, folders and links.
    entries: usize,
    /// Of all files' contents.
    bytes: usize,
    /// Of all files' paths.
    names: usize,
    /// Folders in folders.
    depth: usize,
}

/// What a branch remembers of the last `migrate` that was through.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Record {
    /// The branch: the record of another one came with the baseline's data, and says nothing of this one.
    pub branch: Option<String>,
    /// What there was of `migrate.files` then.
    pub files: Files,
}

/// In place of a record that is not as it was made: to [`rewritten`], it cannot be read.
pub const UNREADABLE: &[u8] = b"";

/// The most of a record that is read: the longest is shorter.
pub const LONGEST: usize = 4 << 20;

/// What is below these paths now.
pub fn read(paths: &[ImagePath]) -> Result<Files> {
    let mut look = Look { limits: LIMITS, entries: 0, bytes: 0, names: 0, found: Files::new() };
    for path in paths {
        look.listed(path)?;
    }
    Ok(look.found)
}

/// How a branch was migrated otherwise than it would be now, if it was. `record`: as it is kept in the branch.
///
/// A file below no path that is still listed is forgotten.
pub fn rewritten(record: &[u8], branch: Option<&str>, paths: &[ImagePath], now: &Files) -> Option<String> {
    // The team's own programs could have written there, too. A fresh branch has a readable one.
    let Ok(record) = serde_json::from_slice::<Record>(record) else {
        return Some("the record of the files that ran here cannot be read".to_owned());
    };
    if record.branch.as_deref() != branch {
        return None;
    }
    let is_listed = |file: &str| paths.iter().any(|path| is_below(file, path));
    let mut changed = record.files.iter().filter(|(file, hash)| is_listed(file) && now.get(*file) != Some(hash));
    let (first, _) = changed.next()?;
    let how = if now.contains_key(first) { "differs now" } else { "is gone now" };
    let all = match changed.count() {
        0 => String::new(),
        more => format!(", the first of {} files that differ or are gone", more + 1),
    };
    Some(format!("`{}` ran here and {how}{all}", one_line(first)))
}

/// Whether a file is what a path names, or below it.
fn is_below(file: &str, path: &str) -> bool {
    file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A look at the files, and what it has seen so far.
struct Look {
    limits: Limits,
    entries: usize,
    bytes: usize,
    names: usize,
    found: Files,
}

impl Look {
    /// What the policy names. A link here was meant by whoever wrote it, whatever it leads to.
    fn listed(&mut self, path: &str) -> Result<()> {
        match fs::metadata(path) {
            Ok(kind) if kind.is_dir() => self.folder(path, 1),
            Ok(kind) if kind.is_file() => self.file(path),
            Ok(_) => refuse!("`{path}` of `files` is neither a file nor a folder: name the folder of the migrations"),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                let here = env::current_dir().map_or_else(|_| "unknown".into(), |here| here.display().to_string());
                refuse!(
                    "`{path}` of `files` is not in the image (its working directory is `{}`), and nothing was run: correct the path in the policy, or put the files into the image",
                    one_line(&here)
                )
            }
            Err(error) => Err(unreadable(path, &error)),
        }
    }

    fn folder(&mut self, path: &str, depth: usize) -> Result<()> {
        let Limits { entries, depth: deepest, .. } = self.limits;
        if depth > deepest {
            refuse!("`{}` of `files` is more than {deepest} folders deep: name the migrations' own", one_line(path));
        }
        for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
            let entry = entry.map_err(|error| unreadable(path, &error))?;
            self.entries += 1;
            if self.entries > entries {
                refuse!("`files` are more than {entries} files and folders: name the migrations' own folder");
            }
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.contains(char::is_control)) else {
                let name = name.to_string_lossy();
                refuse!(
                    "`{}/{}` of `files` has a name that is no plain text: rename it",
                    one_line(path),
                    visible(&name)
                )
            };
            let below = format!("{path}/{name}");
            let mut kind = entry.file_type().map_err(|error| unreadable(&below, &error))?;
            if kind.is_symlink() {
                kind = behind(&below)?;
            }
            if kind.is_dir() {
                self.folder(&below, depth + 1)?;
            } else if kind.is_file() {
                self.file(&below)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str) -> Result<()> {
        let Limits { bytes: most, names, .. } = self.limits;
        self.names += path.len();
        if self.names > names {
            refuse!("the paths of `files` are longer than {names} bytes together: name the migrations' own folder");
        }
        let (mut hash, mut buffer) = (Context::new(&SHA256), [0; 16 << 10]);
        let mut file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(path, &error)),
            };
            // What is read, and not what the folder says: that may be nothing, or change.
            self.bytes += read;
            if self.bytes > most {
                refuse!("`files` have more than {most} bytes together: name the migrations' own folder");
            }
            hash.update(buffer.get(..read).unwrap_or_default());
        }
        self.found.insert(path.to_owned(), hexadecimal(hash.finish().as_ref()));
        Ok(())
    }
}

/// What a link leads to: a file counts as one. A folder may be above the link, and to pass it over would be to see no change in
/// it.
fn behind(link: &str) -> Result<fs::FileType> {
    match fs::metadata(link) {
        Ok(kind) if !kind.is_dir() => Ok(kind.file_type()),
        Ok(_) => refuse!(
            "`{}` of `files` is a link to a folder, which is not followed: name that folder in `files`, and put the link elsewhere",
            one_line(link)
        ),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(unreadable(link, &error)),
        Err(error) => {
            refuse!("`{}` of `files` is a link that leads nowhere ({error}): mend or remove it", one_line(link))
        }
    }
}

/// Rights are the image's, and stay as they are; anything else may be the machine's fault.
fn unreadable(path: &str, error: &io::Error) -> anyhow::Error {
    let path = one_line(path);
    if error.kind() == io::ErrorKind::PermissionDenied {
        let why = format!(
            "`{path}` of `files` may not be read ({error}): give the user of `migrate` the right, in the image"
        );
        return anyhow::Error::new(Refused(why));
    }
    anyhow!("`{path}` of `files` cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::{PermissionsExt as _, symlink},
        path::PathBuf,
        process,
    };

    use super::*;
    use crate::input::scalar::Scalar as _;

    /// SHA-256 of `1`.
    const ONE: &str = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";

    const SMALL: Limits = Limits { entries: 4, bytes: 10, names: 5000, depth: 3 };

    /// A folder `m` with a folder in it, which goes in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let folder = env::temp_dir().join(format!("dayfly-files-{test}-{}", process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(folder.join("m/sub")).unwrap();
            Self(folder)
        }

        fn join(&self, path: &str) -> PathBuf {
            self.0.join(path)
        }

        fn write(&self, files: &[(&str, &str)]) {
            for (name, text) in files {
                fs::write(self.join(name), text).unwrap();
            }
        }

        /// What is found below a path, without this folder; or why nothing is, and whether that is refused for good.
        fn look(&self, path: &str, limits: Limits) -> Result<Files, (String, bool)> {
            let mut look = Look { limits, entries: 0, bytes: 0, names: 0, found: Files::new() };
            let stem = format!("{}/", self.0.display());
            let short = |text: &str| text.replace(&stem, "");
            match look.listed(&format!("{stem}{path}")) {
                Ok(()) => Ok(look.found.into_iter().map(|(file, hash)| (short(&file), hash)).collect()),
                Err(error) => Err((short(&error.to_string()), error.is::<Refused>())),
            }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn names(found: &Files) -> Vec<&str> {
        found.keys().map(String::as_str).collect()
    }

    #[test]
    fn every_regular_file_is_found_whatever_its_name() {
        let folder = Folder::new("found");
        folder.write(&[("m/1 $(x)*.sql", "1"), ("m/ä.sql", "2"), ("m/sub/-3.sql", ""), ("other", "1")]);
        let found = folder.look("m", LIMITS).unwrap();
        assert_eq!(names(&found), ["m/1 $(x)*.sql", "m/sub/-3.sql", "m/ä.sql"]);
        assert_eq!(found["m/1 $(x)*.sql"], ONE);
        assert_eq!(folder.look("other", LIMITS).unwrap(), Files::from([("other".into(), ONE.into())]));
        assert_eq!(folder.look("m/sub/../sub", LIMITS).unwrap().len(), 1);
        // Neither waited for nor opened.
        let status = process::Command::new("mkfifo").arg(folder.join("m/pipe")).status().unwrap();
        assert!(status.success());
        assert_eq!(folder.look("m", LIMITS).unwrap().len(), 3);
        let (why, is_final) = folder.look("m/pipe", LIMITS).unwrap_err();
        assert!(is_final && why.contains("`m/pipe` of `files` is neither a file nor a folder"), "{why}");
    }

    #[test]
    fn a_path_that_is_not_there_is_refused_with_the_working_directory() {
        let folder = Folder::new("missing");
        folder.write(&[("m/1", "1")]);
        for path in ["n", "m/*", "m/1/2"] {
            let (why, is_final) = folder.look(path, LIMITS).unwrap_err();
            let here = format!("`{path}` of `files` is not in the image (its working directory is `/");
            assert!(is_final && why.starts_with(&here) && why.contains("correct the path"), "{why}");
        }
    }

    #[test]
    fn links_are_what_they_lead_to_if_that_is_a_file() {
        let folder = Folder::new("links");
        folder.write(&[("m/1", "1"), ("outside", "1")]);
        symlink("../outside", folder.join("m/2")).unwrap();
        symlink("m", folder.join("current")).unwrap();
        let found = folder.look("m", LIMITS).unwrap();
        assert_eq!((found["m/2"].as_str(), found.len()), (ONE, 2));
        // Who names a link means what it leads to.
        assert_eq!(names(&folder.look("current", LIMITS).unwrap()), ["current/1", "current/2"]);
        for (target, said) in [
            ("..", "is a link to a folder, which is not followed"),
            ("/", "is a link to a folder, which is not followed"),
            ("nowhere", "is a link that leads nowhere"),
            ("itself", "is a link that leads nowhere"),
        ] {
            symlink(target, folder.join("m/sub/itself")).unwrap();
            let (why, is_final) = folder.look("m", LIMITS).unwrap_err();
            assert!(is_final && why.contains(&format!("`m/sub/itself` of `files` {said}")), "{target}: {why}");
            fs::remove_file(folder.join("m/sub/itself")).unwrap();
        }
    }

    #[test]
    fn there_is_an_end_to_everything() {
        for (test, limits, said) in [
            ("many", SMALL, "`files` are more than 4 files and folders"),
            ("large", SMALL, "`files` have more than 10 bytes together"),
            ("long", Limits { names: 5, ..SMALL }, "the paths of `files` are longer than 5 bytes together"),
            ("deep", SMALL, "`m/sub/a/b` of `files` is more than 3 folders deep"),
        ] {
            let folder = Folder::new(test);
            match test {
                "many" => folder.write(&[("m/1", ""), ("m/2", ""), ("m/3", ""), ("m/4", "")]),
                "large" => folder.write(&[("m/1", "123456"), ("m/2", "12345")]),
                "deep" => fs::create_dir_all(folder.join("m/sub/a/b")).unwrap(),
                _ => folder.write(&[("m/1", "")]),
            }
            let (why, is_final) = folder.look("m", limits).unwrap_err();
            assert!(is_final && why.contains(said), "{test}: {why}");
        }
        let just = Folder::new("just");
        just.write(&[("m/1", "123456"), ("m/2", "1234"), ("m/sub/3", "")]);
        assert_eq!(just.look("m", SMALL).unwrap().len(), 3);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = Folder::new("closed");
        folder.write(&[("m/1", "1"), ("m/line\nbreak", "1")]);
        let (why, is_final) = folder.look("m", LIMITS).unwrap_err();
        assert!(is_final && why.contains("`m/line\\u{a}break` of `files` has a name that is no plain text"), "{why}");
        fs::remove_file(folder.join("m/line\nbreak")).unwrap();
        fs::set_permissions(folder.join("m/1"), fs::Permissions::from_mode(0o0)).unwrap();
        // Whoever may read everything reads this, too.
        if fs::read(folder.join("m/1")).is_err() {
            let (why, is_final) = folder.look("m", LIMITS).unwrap_err();
            assert!(is_final && why.contains("`m/1` of `files` may not be read"), "{why}");
        }
        let denied = unreadable("m/1", &io::ErrorKind::PermissionDenied.into());
        assert!(denied.is::<Refused>() && denied.to_string().contains("give the user of `migrate` the right"));
        assert!(!unreadable("m/1", &io::ErrorKind::Other.into()).is::<Refused>());
    }

    #[test]
    fn only_more_files_are_the_same_migrations() {
        let files = |list: &[(&str, &str)]| -> Files {
            list.iter().map(|(file, hash)| ((*file).to_owned(), (*hash).to_owned())).collect()
        };
        let ran = files(&[("a/1", "x"), ("a/2", "y"), ("ab", "z"), ("c", "z")]);
        let record = serde_json::to_vec(&Record { branch: Some("7".into()), files: ran.clone() }).unwrap();
        let paths = |list: &[&str]| list.iter().map(|path| ImagePath::parse(path).unwrap()).collect::<Vec<_>>();
        let all = paths(&["a", "c"]);
        let why = |branch, paths: &[ImagePath], now: &[(&str, &str)]| rewritten(&record, branch, paths, &files(now));
        assert_eq!(rewritten(&record, Some("7"), &all, &ran), None);
        for (now, expected) in [
            (&[("a/1", "x"), ("a/2", "y"), ("a/3", "x"), ("c", "z")][..], None),
            (&[("a/1", "x"), ("a/2", "-"), ("c", "z")], Some("`a/2` ran here and differs now")),
            (&[("a/1", "x"), ("a/3", "y"), ("c", "z")], Some("`a/2` ran here and is gone now")),
            (
                &[("a/2", "y"), ("c", "-")],
                Some("`a/1` ran here and is gone now, the first of 2 files that differ or are gone"),
            ),
            (&[], Some("`a/1` ran here and is gone now, the first of 3 files that differ or are gone")),
        ] {
            assert_eq!(why(Some("7"), &all, now).as_deref(), expected, "{now:?}");
        }
        // What is not listed any more, and what another branch wrote down.
        assert_eq!(why(Some("7"), &paths(&["c"]), &[("c", "z")]), None);
        assert_eq!(why(Some("8"), &all, &[]), None);
        assert_eq!(why(None, &all, &[]), None);
        for record in [&b"{\"files\": 1}"[..], UNREADABLE] {
            let unreadable = rewritten(record, Some("7"), &all, &ran);
            assert_eq!(unreadable.as_deref(), Some("the record of the files that ran here cannot be read"));
        }
    }

    #[test]
    fn the_longest_record_fits_into_a_statement() {
        // A quotation mark is two characters of JSON.
        let longest = LIMITS.names * 2 + LIMITS.entries * (64 + "\"\":\"\",".len());
        assert!(longest < LONGEST, "{longest}: what MySQL's max_allowed_packet is at least, by default");
    }
}
