//! One file per object, in a folder that is there whole or not at all.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::yaml;
use crate::{
    finding::{one_line, visible},
    objects::Object,
};

/// Lists the files beside it, one a line, so that the next run knows what it may replace.
const MARKER: &str = ".dayfly";

/// File systems allow 255 bytes.
const LONGEST_NAME: usize = 200;

pub(super) fn write(path: &Path, objects: &[Object]) -> io::Result<()> {
    // Also follows a link, and makes `.` and `a/..` a folder with a name.
    let target = match fs::canonicalize(path) {
        Ok(target) => {
            replaceable(path, &target)?;
            target
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_below(path)?,
        Err(error) => return Err(context(&error, "cannot look at", path)),
    };
    let fresh = fill_sibling(&target, objects)?;
    let placed = swap_in(&fresh, &target);
    if placed.is_err() {
        let _ = fs::remove_dir_all(&fresh); // ours alone; the first error is the one to tell
    }
    placed
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

/// Refuses to replace what dayfly did not write.
fn replaceable(path: &Path, target: &Path) -> io::Result<()> {
    if !target.is_dir() {
        return Err(io::Error::other(format!("`{}` is a file: name a folder", shown(path))));
    }
    let written = written_before(target);
    let mut foreign = Vec::new();
    for entry in fs::read_dir(target).map_err(|error| context(&error, "cannot look into", path))? {
        let entry = entry.map_err(|error| context(&error, "cannot look into", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if !(is_file && written.contains(&name)) {
            foreign.push(name);
        }
    }
    if foreign.is_empty() {
        return Ok(());
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
    let fresh = make_sibling(target, "new")?;
    let filled = fill(&fresh, objects);
    if let Err(error) = filled {
        let _ = fs::remove_dir_all(&fresh); // ours alone; the first error is the one to tell
        return Err(context(&error, "cannot write below", &fresh));
    }
    Ok(fresh)
}

fn fill(folder: &Path, objects: &[Object]) -> io::Result<()> {
    let width = objects.len().to_string().len().max(2);
    let mut list = String::new();
    for (index, object) in objects.iter().enumerate() {
        let name = file_name(index + 1, width, object);
        fs::write(folder.join(&name), yaml::documents([&object.value].into_iter()))?;
        list.push_str(&name);
        list.push('\n');
    }
    fs::write(folder.join(MARKER), list)
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
fn make_sibling(target: &Path, purpose: &str) -> io::Result<PathBuf> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let parent = target.parent().unwrap_or(target);
    let mut attempt = 0;
    loop {
        let sibling = parent.join(format!(".{name}.dayfly-{purpose}-{}-{attempt}", std::process::id()));
        match fs::create_dir(&sibling) {
            Ok(()) => return Ok(sibling),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            Err(error) => return Err(context(&error, "cannot make a folder in", parent)),
        }
    }
}

/// Puts `fresh` in the place of `target`; what was there is put back if that fails.
fn swap_in(fresh: &Path, target: &Path) -> io::Result<()> {
    if !target.exists() {
        return fs::rename(fresh, target).map_err(|error| context(&error, "cannot make", target));
    }
    let old = make_sibling(target, "old")?;
    if let Err(error) = fs::rename(target, &old) {
        let _ = fs::remove_dir(&old);
        return Err(context(&error, "cannot replace (if it is a mount point, name a folder below it)", target));
    }
    if let Err(error) = fs::rename(fresh, target) {
        let _ = fs::rename(&old, target);
        return Err(context(&error, "cannot replace", target));
    }
    // Only what a former run wrote: whatever came in since the check stays, and the folder with it.
    for name in written_before(&old) {
        if !name.contains(['/', '\\']) {
            let _ = fs::remove_file(old.join(name));
        }
    }
    fs::remove_dir(&old).map_err(|error| context(&error, "cannot remove the former folder, moved to", &old))
}

fn context(error: &io::Error, what: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{what} `{}`: {error}", shown(path)))
}

fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::{file_name, write};
    use crate::{
        objects::{Object, Origin},
        value::Value,
    };

    /// A folder of the test's own, gone after it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("dayfly-dir-{}-{number}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self, below: &str) -> Vec<String> {
            let mut names: Vec<String> = fs::read_dir(self.0.join(below))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn object(kind: &str, name: &str) -> Object {
        let metadata = Value::map([("name", Value::string(name))]);
        let value = Value::map([("kind", Value::string(kind)), ("metadata", metadata)]);
        Object { value, origin: Origin::Template("test".into()) }
    }

    fn error(path: &Path) -> String {
        write(path, &[object("A", "a")]).unwrap_err().to_string()
    }

    #[test]
    fn names_are_harmless() {
        assert_eq!(file_name(1, 2, &object("ConfigMap", "preview")), "01-configmap-preview.yaml");
        assert_eq!(file_name(7, 3, &object("../x", "System:a\n/ü")), "007-..-x-system-a---.yaml");
        assert_eq!(file_name(1, 2, &object("", "")), "01.yaml");
        assert_eq!(file_name(1, 2, &object("K", &"x".repeat(300))).len(), 205);
    }

    #[test]
    fn a_second_run_replaces_the_first() {
        let scratch = Scratch::new();
        let out = scratch.0.join("out");
        write(&out, &[object("Namespace", "a"), object("Service", "web"), object("Service", "web")]).unwrap();
        assert_eq!(
            scratch.names("out"),
            [".dayfly", "01-namespace-a.yaml", "02-service-web.yaml", "03-service-web.yaml"]
        );
        assert_eq!(
            fs::read_to_string(out.join("02-service-web.yaml")).unwrap(),
            "kind: Service\nmetadata:\n  name: web\n"
        );
        write(&out, &[object("Namespace", "b")]).unwrap();
        assert_eq!(scratch.names("out"), [".dayfly", "01-namespace-b.yaml"]);
        assert_eq!(scratch.names(""), ["out"], "nothing is left beside it");
    }

    #[test]
    fn an_empty_folder_is_taken() {
        let scratch = Scratch::new();
        fs::create_dir(scratch.0.join("out")).unwrap();
        write(&scratch.0.join("out/"), &[]).unwrap();
        assert_eq!(scratch.names("out"), [".dayfly"]);
    }

    #[test]
    fn what_others_wrote_stays() {
        let scratch = Scratch::new();
        let out = scratch.0.join("out");
        write(&out, &[object("A", "a")]).unwrap();
        fs::write(out.join("mine.txt"), "precious").unwrap();
        fs::create_dir(out.join("sub")).unwrap();
        let expected = format!(
            "`{}` holds what dayfly did not write (`mine.txt`, `sub`): name another folder, or empty this one",
            out.display()
        );
        assert_eq!(error(&out), expected);
        assert_eq!(scratch.names("out"), [".dayfly", "01-a-a.yaml", "mine.txt", "sub"]);
        assert_eq!(scratch.names(""), ["out"]);
    }

    #[test]
    fn a_marker_cannot_list_a_folder_or_lead_away() {
        let scratch = Scratch::new();
        fs::write(scratch.0.join("outside"), "precious").unwrap();
        let out = scratch.0.join("out");
        fs::create_dir_all(out.join("sub")).unwrap();
        fs::write(out.join(".dayfly"), "sub\n../outside\n").unwrap();
        assert!(error(&out).contains("(`sub`)"));
        fs::remove_dir(out.join("sub")).unwrap();
        write(&out, &[object("A", "a")]).unwrap();
        assert_eq!(scratch.names(""), ["out", "outside"]);
    }

    #[test]
    fn what_cannot_be_a_folder_is_said() {
        let scratch = Scratch::new();
        let file = scratch.0.join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(error(&file), format!("`{}` is a file: name a folder", file.display()));
        let parent = scratch.0.join("none");
        let expected = format!(
            "`{0}/out` cannot be made, because the folder `{0}` does not exist: make that first",
            parent.display()
        );
        assert_eq!(error(&parent.join("out")), expected);
        assert!(error(&file.join("out")).contains("file"));
    }
}
