//! Other files in the place of a folder's, all of them or none.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::{MARKER, lines};

/// The folder, within the other one and so on its file system, where files wait to change places.
const NAME: &str = ".dayfly-swap";

/// Files that wait there: the new ones, and second names of the former ones.
const NEW: &str = "new";
const OLD: &str = "old";

/// The marker while files change places: whatever is there by then may be replaced by the next run.
const BOTH: &str = "both";

/// Gone with all that is in it, unless the former files are nowhere else.
pub(super) struct Swap<'p> {
    target: &'p Path,
    folder: PathBuf,
    old: BTreeSet<String>,
}

impl<'p> Swap<'p> {
    /// Makes the folder for waiting, and gives the former files second names in it.
    pub(super) fn new(target: &'p Path, old: BTreeSet<String>) -> io::Result<Self> {
        let folder = target.join(NAME);
        if is_left(&folder) {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir(&folder)?;
        let swap = Self { target, folder, old };
        fs::create_dir(swap.new_files())?;
        fs::create_dir(swap.folder.join(OLD))?;
        for name in &swap.old {
            let (from, to) = (target.join(name), swap.folder.join(OLD).join(name));
            // Not every file system has links, and not every file may be linked to.
            if fs::hard_link(&from, &to).is_err() {
                fs::copy(&from, &to)?;
            }
        }
        Ok(swap)
    }

    /// Where the new files are to be written.
    pub(super) fn new_files(&self) -> PathBuf {
        self.folder.join(NEW)
    }

    /// Puts the new files, and the marker beside them, in the place of the former ones; these are put back if that fails.
    pub(super) fn put(mut self, new: &[String]) -> io::Result<()> {
        let both: BTreeSet<&String> = new.iter().chain(&self.old).filter(|name| *name != MARKER).collect();
        fs::write(self.folder.join(BOTH), lines(both))?;
        let mut placed = Vec::new();
        let Err(error) = self.place(new, &mut placed) else { return Ok(()) };
        for name in placed.iter().filter(|name| !self.old.contains(**name)) {
            let _ = fs::remove_file(self.target.join(name)); // the first error is the one to tell
        }
        let is_back = |name| fs::rename(self.folder.join(OLD).join(name), self.target.join(name)).is_ok();
        // Each of them, also after one that cannot be.
        if self.old.iter().filter(|name| !is_back(*name)).count() > 0 {
            let kept = std::mem::take(&mut self.folder);
            let kept = super::shown(&kept.join(OLD));
            return Err(io::Error::new(
                error.kind(),
                format!("{error}; what it held is in `{kept}`, until the next run"),
            ));
        }
        Err(error)
    }

    fn place<'n>(&self, new: &'n [String], placed: &mut Vec<&'n str>) -> io::Result<()> {
        let marker = self.target.join(MARKER);
        placed.push(MARKER);
        fs::rename(self.folder.join(BOTH), &marker)?;
        for name in new {
            let place = self.target.join(name);
            if !self.old.contains(name) && place.symlink_metadata().is_ok() {
                return Err(io::Error::other(format!("somebody else has just written `{name}`")));
            }
            fs::rename(self.new_files().join(name), place)?;
            placed.push(name);
        }
        let new: BTreeSet<&str> = new.iter().map(String::as_str).chain([MARKER]).collect();
        for name in self.old.iter().filter(|name| !new.contains(name.as_str())) {
            fs::remove_file(self.target.join(name))?;
        }
        fs::rename(self.new_files().join(MARKER), marker)
    }
}

impl Drop for Swap<'_> {
    fn drop(&mut self) {
        if !self.folder.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.folder); // the next run does it otherwise
        }
    }
}

/// Whether this is what a run left that was killed: a folder of that name, with nothing in it but what a run puts there.
pub(super) fn is_left(path: &Path) -> bool {
    let is_output = |name: &str| {
        name == MARKER || name.strip_suffix(".yaml").is_some_and(|stem| stem.starts_with(|c: char| c.is_ascii_digit()))
    };
    path.file_name().is_some_and(|name| name == NAME)
        && all(path, |name, kind| match name {
            NEW | OLD => all(&path.join(name), |name, kind| kind.is_file() && is_output(name)),
            _ => kind.is_file() && name == BOTH,
        })
}

fn all(folder: &Path, test: impl Fn(&str, fs::FileType) -> bool) -> bool {
    let is_no_link = folder.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let Ok(mut entries) = fs::read_dir(folder) else { return false };
    is_no_link
        && entries.all(|entry| {
            entry.is_ok_and(|entry| {
                entry.file_type().is_ok_and(|kind| entry.file_name().to_str().is_some_and(|name| test(name, kind)))
            })
        })
}
