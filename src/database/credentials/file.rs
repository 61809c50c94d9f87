//! A file of variables: a developer's own `.env`, or one beside a pipeline.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::Written;
use crate::database::{connection::ConnectionUrl, failure::refuse, random, spec::Spec};

const EXPORT: &str = "export";
/// Behind the branch, while it is made anew and until it is checked.
const UNCHECKED_HERE: &str = " (unchecked)";
/// And in front of where the URL below leads: its owner may have written another there.
const AT: &str = " at ";

/// What was written, if anything was.
pub(super) fn read(path: &Path, spec: &Spec<'_>) -> Result<Option<Written>> {
    let lines = lines(path)?;
    let variable = &*spec.names.variable;
    let Some(text) = lines.iter().find_map(|line| value(line, variable)) else { return Ok(None) };
    let Some(Noted { branch, place, is_checked }) = noted(&lines, spec) else {
        refuse!("`{}` has a {variable} of somebody else's: remove that line, or name another file", path.display());
    };
    let url = ConnectionUrl::parse(text, &format!("`{variable}` in `{}`", path.display()))?;
    if let Some(place) = place.filter(|place| *place != url.place()) {
        refuse!(
            "`{}` has a {variable} of somebody else's, which leads to {url} and not to the branch ({place}): remove that line, or name another file",
            path.display()
        );
    }
    Ok(Some(Written { url, branch: branch.to_owned(), is_checked }))
}

/// Writes below a comment of dayfly's, in place of what was there.
pub(super) fn write(path: &Path, spec: &Spec<'_>, written: &Written) -> Result<()> {
    let before = lines(path)?;
    let variable = &*spec.names.variable;
    let is_exported = before.iter().any(|line| value(line, variable).is_some() && exported(line).is_some());
    let mut kept = without(before.clone(), spec);
    let unchecked = if written.is_checked { "" } else { UNCHECKED_HERE };
    let end = if before.iter().any(|line| line.ends_with('\r')) { "\r" } else { "" };
    let place = written.url.place();
    kept.push(format!("{}{}{AT}{place}{unchecked}{end}", file_mark(spec), written.branch));
    let export = if is_exported { "export " } else { "" };
    kept.push(format!("{export}{variable}={}{end}", written.url.reveal_here()));
    replace(path, &kept)
}

/// Removes what was written; a file that has nothing else goes with it.
pub(super) fn remove(path: &Path, spec: &Spec<'_>) -> Result<()> {
    remove_left(path);
    let before = lines(path)?;
    let kept = without(before.clone(), spec);
    if kept == before {
        Ok(())
    } else if kept.is_empty() {
        fs::remove_file(path).with_context(|| format!("failed to remove `{}`", path.display()))
    } else {
        replace(path, &kept)
    }
}

/// The comment above the variable: whose it is.
fn file_mark(spec: &Spec<'_>) -> String {
    format!("# dayfly: {} of {}, branch ", spec.database, spec.environment)
}

/// What the comment says of the line below.
struct Noted<'l> {
    branch: &'l str,
    place: Option<&'l str>,
    is_checked: bool,
}

fn noted<'l>(lines: &'l [String], spec: &Spec<'_>) -> Option<Noted<'l>> {
    let mark = file_mark(spec);
    let text = lines.iter().find_map(|line| line.strip_prefix(&mark))?.trim_end();
    let checked = text.strip_suffix(UNCHECKED_HERE);
    let (text, is_checked) = (checked.unwrap_or(text), checked.is_none());
    let (branch, place) = text.split_once(AT).map_or((text, None), |(branch, place)| (branch, Some(place)));
    Some(Noted { branch, place, is_checked })
}

/// The value of a variable, if a line sets it as shells and `.env` files do, with spaces too.
fn value<'l>(line: &'l str, variable: &str) -> Option<&'l str> {
    let rest = exported(line).unwrap_or(line).trim_start().strip_prefix(variable)?;
    Some(rest.trim_start().strip_prefix('=')?.trim())
}

/// What a line exports.
fn exported(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix(EXPORT).filter(|rest| rest.starts_with([' ', '\t']))
}

/// The file that a symbolic link leads to: it stays a link.
pub(super) fn target(path: &Path) -> Result<PathBuf> {
    if !path.is_symlink() {
        return Ok(path.to_owned());
    }
    fs::canonicalize(path).with_context(|| {
        format!("`{}` is a symbolic link that leads to no file: make that, or remove the link", path.display())
    })
}

fn lines(path: &Path) -> Result<Vec<String>> {
    match fs::read_to_string(path) {
        // Each as it ends, with `\r` or without.
        Ok(text) => Ok(text.split_terminator('\n').map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("failed to read `{}`", path.display())),
    }
}

/// Somebody else's lines: the file may be a developer's own `.env`.
fn without(mut lines: Vec<String>, spec: &Spec<'_>) -> Vec<String> {
    let Some(place) = noted(&lines, spec).map(|noted| noted.place.map(str::to_owned)) else { return lines };
    let mark = file_mark(spec);
    let is_ours = |text: &str| {
        let url = ConnectionUrl::parse(text, "the file");
        place.as_ref().is_none_or(|place| url.is_ok_and(|url| url.place() == *place))
    };
    lines.retain(|line| !line.starts_with(&mark) && !value(line, &spec.names.variable).is_some_and(is_ours));
    lines
}

/// What becomes the file at once.
pub(super) fn beside(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}{}", beginning(path), random::nonce()))
}

/// What its name begins with.
fn beginning(path: &Path) -> String {
    format!(".{}.dayfly-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Nobody takes longer between making it and its becoming the file.
const WRITING: Duration = Duration::from_mins(1);

/// Removes what a call left that was killed in between: a password may be in it.
pub(super) fn remove_left(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_old = |entry: &fs::DirEntry| {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > WRITING))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&beginning(path)) && is_old(&entry) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file for its owner's eyes only.
pub(super) fn new_file(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// All or nothing.
fn replace(path: &Path, lines: &[String]) -> Result<()> {
    let beside = beside(path);
    let write = || -> std::io::Result<()> {
        let mut file = new_file(&beside)?;
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&beside)))
        .with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{
        credentials::{Audience, Credentials},
        job::tests::{log, runs},
    };
    use std::{os::unix::fs::PermissionsExt as _, time::SystemTime};

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("dayfly-credentials-{}", random::nonce()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_keeps_its_owners_other_lines() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let path = folder.join(".env");
        fs::write(&path, "A=1\n# mine\n").unwrap();
        let credentials = Credentials::File(path.clone());
        let url = ConnectionUrl::parse("postgres://u:p@h:5432/d", "test").unwrap();
        let written = Written::checked(url, "1.2".into());
        runs(async {
            assert!(credentials.read(&spec, Audience::Steps).await.unwrap().is_none());
            credentials.write(&spec, Audience::Steps, &written).await.unwrap();
            credentials.write(&spec, Audience::Workload, &written).await.unwrap();
            assert_eq!(credentials.read(&spec, Audience::Workload).await.unwrap().unwrap().branch, "1.2");
        });
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "A=1\n# mine\n# dayfly: main of shop-pr-7, branch 1.2 at u@h:5432/d\nDATABASE_URL=postgres://u:p@h:5432/d\n"
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        runs(credentials.remove(&spec)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=1\n# mine\n");

        fs::write(&path, "DATABASE_URL=postgres://mine/mine\n").unwrap();
        let error = runs(credentials.read(&spec, Audience::Steps)).unwrap_err();
        assert!(error.to_string().contains("somebody else's"), "{error}");
        runs(credentials.remove(&spec)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "DATABASE_URL=postgres://mine/mine\n");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_exported_variable_is_one() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let path = folder.join(".env");
        let credentials = Credentials::open_to_write(Some(&path), &log()).unwrap();
        fs::write(&path, "export DATABASE_URL=postgres://mine/mine\n").unwrap();
        let error = runs(credentials.read(&spec, Audience::Steps)).unwrap_err();
        assert!(error.to_string().contains("somebody else's"), "{error}");
        let mark = "# dayfly: main of shop-pr-7, branch 1";
        fs::write(&path, format!("{mark}\nexport DATABASE_URL=postgres://u:p@h:5432/d\n")).unwrap();
        let written = runs(credentials.read(&spec, Audience::Steps)).unwrap().unwrap();
        assert_eq!(written.url.host(), "h");
        let url = ConnectionUrl::parse("postgres://u:q@h:5432/d", "test").unwrap();
        runs(credentials.write(&spec, Audience::Steps, &Written { url, ..written })).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{mark} at u@h:5432/d\nexport DATABASE_URL=postgres://u:q@h:5432/d\n"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_somebody_wrote_below_the_comment_is_theirs() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let path = folder.join(".env");
        let credentials = Credentials::open_to_write(Some(&path), &log()).unwrap();
        let mark = "# dayfly: main of shop-pr-7, branch 1 at u@h:5432/d";
        for theirs in ["postgres://u:p@h/other", "postgres://u:p@localhost/d", "postgres://me:p@h/d", "$OTHER"] {
            let text = format!("A=1\n{mark}\nDATABASE_URL = {theirs}\n");
            fs::write(&path, &text).unwrap();
            runs(credentials.read(&spec, Audience::Steps)).unwrap_err();
            runs(credentials.remove(&spec)).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("A=1\nDATABASE_URL = {theirs}\n"));
            let error = runs(credentials.read(&spec, Audience::Steps)).unwrap_err().to_string();
            assert!(error.contains("somebody else's"), "{error}");
        }
        // With another password it is the branch's.
        fs::write(&path, format!("{mark} (unchecked)\nexport\tDATABASE_URL = postgres://u:q@h/d?sslmode=require\n"))
            .unwrap();
        let written = runs(credentials.read(&spec, Audience::Steps)).unwrap().unwrap();
        assert_eq!((&*written.branch, written.is_checked, &*written.url.password()), ("1", false, "q"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn lines_end_as_they_did() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let path = folder.join(".env");
        fs::write(&path, "A=1\r\nB=2\r\n").unwrap();
        let credentials = Credentials::open_to_write(Some(&path), &log()).unwrap();
        for password in ["p", "q"] {
            let url = ConnectionUrl::parse(&format!("postgres://u:{password}@h:5432/d"), "test").unwrap();
            runs(credentials.write(&spec, Audience::Steps, &Written::checked(url, "1".into()))).unwrap();
            assert_eq!(runs(credentials.read(&spec, Audience::Steps)).unwrap().unwrap().branch, "1");
        }
        let text = "A=1\r\nB=2\r\n# dayfly: main of shop-pr-7, branch 1 at u@h:5432/d\r\nDATABASE_URL=postgres://u:q@h:5432/d\r\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        runs(credentials.remove(&spec)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=1\r\nB=2\r\n");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_a_killed_call_left_goes_with_the_next() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let path = folder.join(".env");
        let left = || {
            let beside = beside(&path);
            let file = new_file(&beside).unwrap();
            file.set_modified(SystemTime::now() - WRITING - Duration::from_secs(1)).unwrap();
            beside
        };
        fs::write(folder.join(".env.dayfly-theirs"), "A=1\n").unwrap();
        let (first, now) = (left(), beside(&path));
        new_file(&now).unwrap();
        let credentials = Credentials::open_to_write(Some(&path), &log()).unwrap();
        assert!(!first.exists() && now.exists());
        let second = left();
        runs(credentials.remove(&spec)).unwrap();
        assert!(!second.exists() && now.exists());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "what is being written, and somebody's own file");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let link = folder.join(".env");
        std::os::unix::fs::symlink("shared", &link).unwrap();
        let refused = |path: &Path| format!("{:#}", Credentials::open_to_write(Some(path), &log()).err().unwrap());
        assert!(refused(&link).contains("a symbolic link that leads to no file"), "{}", refused(&link));
        fs::write(folder.join("shared"), "A=1\n").unwrap();
        let credentials = Credentials::open_to_write(Some(&link), &log()).unwrap();
        let url = ConnectionUrl::parse("postgres://u:p@h:5432/d", "test").unwrap();
        runs(credentials.write(&spec, Audience::Steps, &Written::checked(url, "1".into()))).unwrap();
        assert!(link.is_symlink());
        assert!(fs::read_to_string(folder.join("shared")).unwrap().contains("DATABASE_URL=postgres://u:p@h:5432/d"));
        assert!(refused(&folder).contains("is no file"));
        assert!(refused(&folder.join("none/.env")).contains("so nothing was done: No such file"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "the file and the link");
        fs::remove_dir_all(&folder).unwrap();
    }
}
