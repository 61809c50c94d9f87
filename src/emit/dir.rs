//! One file per object, in a folder that has all of them or what it had before.

mod swap;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::yaml;
use crate::{
    finding::{one_line, visible},
    objects::Object,
};
use swap::Swap;

/// Lists the files beside it, one a line, so that the next run knows what it may replace.
const MARKER: &str = ".dayfly";

/// File systems allow 255 bytes.
const LONGEST_NAME: usize = 200;

pub(super) fn write(path: &Path, objects: &[Object]) -> io::Result<()> {
    match fs::canonicalize(path) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            if make(&new_below(path)?, objects)? {
                return Ok(());
            }
        }
        Err(error) => return Err(context(&error, "cannot look at", path)),
    }
    refill(path, objects)
}

/// Makes a folder with everything in it, unless somebody else was faster.
fn make(target: &Path, objects: &[Object]) -> io::Result<bool> {
    let fresh = fill_sibling(target, objects)?;
    let Err(error) = fs::rename(&fresh, target) else { return Ok(true) };
    let _ = fs::remove_dir_all(&fresh); // ours alone; the first error is the one to tell
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => Ok(false),
        _ => Err(context(&error, "cannot make", target)),
    }
}

/// Changes the files of a folder and leaves the folder itself, which somebody may stand in, share or have mounted.
fn refill(path: &Path, objects: &[Object]) -> io::Result<()> {
    if !path.is_dir() {
        return Err(io::Error::other(format!("`{}` is a file: name a folder", shown(path))));
    }
    // One run after another. Where the file system has no locks, a run that is disturbed fails.
    let folder = File::open(path).map_err(|error| context(&error, "cannot look into", path))?;
    let _ = folder.lock();
    let old = replaceable(path)?;
    let swap = Swap::new(path, old).map_err(|error| context(&error, "cannot make a folder in", path))?;
    let new = fill(&swap.new_files(), objects).map_err(|error| context(&error, "cannot write below", path))?;
    swap.put(&new).map_err(|error| context(&error, "cannot replace the files of", path))
}

/// A folder that does not exist yet, below one that does.
fn new_below(path: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::other(format!("`{}` does not exist and does not name a folder to make", shown(path))));
    };
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("/"),
    };
    if path.is_symlink() {
        return Err(io::Error::other(format!("`{}` is a link that leads nowhere: remove it first", shown(path))));
    }
    match fs::canonicalize(parent) {
        Ok(found) if found.is_dir() => Ok(found.join(name)),
        Ok(_) => {
            Err(io::Error::other(format!("`{}` is not a folder, so `{}` cannot be made", shown(parent), shown(path))))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::other(format!(
            "`{}` cannot be made, because the folder `{}` does not exist: make that first",
            shown(path),
            shown(parent)
        ))),
        Err(error) => Err(context(&error, "cannot look at", parent)),
    }
}

/// The files that a former run wrote. Refuses to replace what dayfly did not write.
fn replaceable(path: &Path) -> io::Result<BTreeSet<String>> {
    let written = written_before(path);
    let (mut old, mut foreign) = (BTreeSet::new(), Vec::new());
    for entry in fs::read_dir(path).map_err(|error| context(&error, "cannot look into", path))? {
        let entry = entry.map_err(|error| context(&error, "cannot look into", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && written.contains(&name) {
            old.insert(name);
        } else if !swap::is_left(&entry.path()) {
            foreign.push(name);
        }
    }
    if foreign.is_empty() {
        return Ok(old);
    }
    foreign.sort_unstable();
    let named: Vec<String> = foreign.iter().take(3).map(|name| format!("`{}`", visible(name))).collect();
    let more =
        if foreign.len() > named.len() { format!(" and {} more", foreign.len() - named.len()) } else { String::new() };
    Err(io::Error::other(format!(
        "`{}` holds what dayfly did not write ({}{more}): name another folder, or empty this one",
        shown(path),
        named.join(", ")
    )))
}

/// The marker and all that it lists; nothing if there is none.
fn written_before(folder: &Path) -> BTreeSet<String> {
    match fs::read_to_string(folder.join(MARKER)) {
        Ok(list) => list.lines().map(str::to_owned).chain([MARKER.to_owned()]).collect(),
        Err(_) => BTreeSet::new(),
    }
}

/// A new folder beside `target`, with everything in it: on the same file system, so that a rename is enough.
fn fill_sibling(target: &Path, objects: &[Object]) -> io::Result<PathBuf> {
    let fresh = make_sibling(target)?;
    if let Err(error) = fill(&fresh, objects) {
        let _ = fs::remove_dir_all(&fresh); // ours alone; the first error is the one to tell
        return Err(context(&error, "cannot write below", &fresh));
    }
    Ok(fresh)
}

/// Writes everything, and tells the names of the files but the marker's.
fn fill(folder: &Path, objects: &[Object]) -> io::Result<Vec<String>> {
    let width = objects.len().to_string().len().max(2);
    let mut names = Vec::with_capacity(objects.len());
    for (index, object) in objects.iter().enumerate() {
        let name = file_name(index + 1, width, object);
        fs::write(folder.join(&name), yaml::documents([&object.value].into_iter()))?;
        names.push(name);
    }
    fs::write(folder.join(MARKER), lines(&names))?;
    Ok(names)
}

fn lines<'n>(names: impl IntoIterator<Item = &'n String>) -> String {
    names.into_iter().fold(String::new(), |list, name| list + name + "\n")
}

/// Unique by its number; harmless, whatever a manifest calls itself.
fn file_name(number: usize, width: usize, object: &Object) -> String {
    let mut name = format!("{number:0width$}");
    for part in [object.kind(), object.name()] {
        if !part.is_empty() {
            name.push('-');
            name.extend(part.chars().map(|c| match c.to_ascii_lowercase() {
                c @ ('a'..='z' | '0'..='9' | '.' | '-') => c,
                _ => '-',
            }));
        }
    }
    name.truncate(LONGEST_NAME);
    name.push_str(".yaml");
    name
}

/// An empty folder beside `target` that nobody else has: a crashed run may have left one with the same number.
fn make_sibling(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let parent = target.parent().unwrap_or(target);
    let mut attempt = 0;
    loop {
        let sibling = parent.join(format!(".{name}.dayfly-new-{}-{attempt}", std::process::id()));
        match fs::create_dir(&sibling) {
            Ok(()) => return Ok(sibling),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            Err(error) => return Err(context(&error, "cannot make a folder in", parent)),
        }
    }
}

fn context(error: &io::Error, what: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{what} `{}`: {error}", shown(path)))
}

fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests;
