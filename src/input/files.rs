//! Reads files, within limits and without being led astray.

use std::{
    fs::File,
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, bail};

use super::{
    Source,
    cause::{UTF16, is_utf16},
};
use crate::{
    finding::{Finding, Location, Owner, Rule, Subject},
    rules::input::{INPUT_LIMIT, NOT_YAML},
    yaml::{self, Mark},
};

/// A file that is there, but too long or no text.
#[derive(Debug)]
pub struct Unfit {
    name: String,
    /// As much of it as was read, and what of that is text.
    pub text: String,
    rule: &'static Rule,
    problem: String,
    /// Of the first byte that is no text.
    mark: Option<Mark>,
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.name, self.problem)
    }
}

impl std::error::Error for Unfit {}

impl Unfit {
    /// The same as what is wrong with a file of that text.
    pub fn finding(&self, source: &Source, owner: Owner) -> Finding {
        let place = self.mark.map_or_else(|| Location::of_file(&source.name), |mark| source.location(mark));
        Finding::new(self.rule, owner, Subject::Place(place), format!("the file {}", self.problem))
    }
}

/// Reads a whole file of at most `limit` bytes, `-` for standard input.
pub fn read_file(path: &Path, limit: usize) -> anyhow::Result<Source> {
    let name = shown(path);
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("failed to read standard input")?;
    } else {
        let file = File::open(path).with_context(|| format!("failed to open `{name}`"))?;
        // One read for the whole file instead of a dozen that feel their way.
        let size = file.metadata().map_or(0, |metadata| metadata.len()).min(most);
        bytes.reserve_exact(usize::try_from(size).unwrap_or(0) + 1);
        file.take(most).read_to_end(&mut bytes).with_context(|| format!("failed to read `{name}`"))?;
    }
    let is_long = bytes.len() > limit;
    bytes.truncate(limit);
    let (text, broken) = match String::from_utf8(bytes) {
        Ok(text) if !is_long => return Ok(Source { name, text }),
        Ok(text) => (text, None),
        Err(error) => {
            let bytes = error.as_bytes();
            let (good, bad) = bytes.split_at(error.utf8_error().valid_up_to());
            // With a letter for that byte, so that the last line is its own.
            let text = String::from_utf8_lossy(good) + "?";
            let lines = yaml::lines(yaml::body(&text));
            let column = lines.clone().last().unwrap_or_default().chars().count().saturating_sub(1);
            let mark = Mark::at(lines.count().saturating_sub(1), column);
            let broken = (is_utf16(bytes), mark, bad.first().copied().unwrap_or_default());
            (String::from_utf8_lossy(bytes).into_owned(), Some(broken))
        }
    };
    let (rule, problem, mark) = match broken {
        Some((false, mark, byte)) if !is_long => {
            let Mark { line, column } = mark;
            let problem = format!("is not UTF-8: line {line}, column {column} has the byte {byte:#04x}");
            (&NOT_YAML, problem, Some(mark))
        }
        Some((true, ..)) if !is_long => (&NOT_YAML, UTF16.to_owned(), None),
        _ => (&INPUT_LIMIT, format!("has more than {limit} bytes"), None),
    };
    Err(Unfit { name, text, rule, problem, mark }.into())
}

/// What standard input is called.
pub const STANDARD_INPUT: &str = "standard input";

/// A path as findings have it. Code hosts compare it with their own, letter by letter, so it has no `./` in it.
pub fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return STANDARD_INPUT.to_owned();
    }
    let text = path.to_string_lossy();
    let mut shown = String::with_capacity(text.len());
    for part in text.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if !shown.is_empty() || text.starts_with('/') {
            shown.push('/');
        }
        shown.push_str(part);
    }
    if shown.is_empty() { text.into_owned() } else { shown }
}

/// The real path of a file that must lie below `folder`, whatever links there are on the way.
pub fn open_below(folder: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let relative = Path::new(path);
    if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        bail!("`{path}` leads out of its folder");
    }
    let root = folder.canonicalize().with_context(|| format!("failed to open `{}`", folder.display()))?;
    let full = root.join(relative).canonicalize().with_context(|| format!("failed to open `{path}`"))?;
    if !full.starts_with(&root) {
        bail!("`{path}` is a link that leads out of its folder");
    }
    // Reading a pipe that nobody writes to would wait for ever.
    if !full.is_file() && !full.is_dir() {
        bail!("`{path}` is neither a file nor a folder");
    }
    Ok(full)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Unfit, read_file, shown};

    /// As all other findings count them: by what YAML takes for a line's end, and without the mark of byte order.
    #[test]
    fn a_byte_that_is_no_text_is_found_in_its_line_and_column() {
        let file = std::env::temp_dir().join(format!("dayfly-bytes-{}", std::process::id()));
        for (bytes, expected) in [
            (&b"\xff"[..], (1, 1)),
            (b"a: \xff", (1, 4)),
            (b"\xef\xbb\xbfa: \xff", (1, 4)),
            (b"\xef\xbb\xbfa: 1\n\xc3\xa4: \xff", (2, 4)),
            (b"a: 1\r\nb: 2\rc: \xff", (3, 4)),
        ] {
            std::fs::write(&file, bytes).unwrap();
            let error = read_file(&file, 99).unwrap_err().downcast::<Unfit>().unwrap();
            let mark = error.mark.unwrap();
            assert_eq!((mark.line, mark.column), expected, "{bytes:?}");
        }
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_path_has_no_dot_in_it() {
        for (path, expected) in [
            ("./preview.yaml", "preview.yaml"),
            ("a/././b//c.yaml", "a/b/c.yaml"),
            ("/etc/./x/", "/etc/x"),
            ("../.hidden/..x", "../.hidden/..x"),
            (".//x", "x"),
            (".", "."),
            ("/", "/"),
            ("", ""),
            ("-", "standard input"),
        ] {
            assert_eq!(shown(Path::new(path)), expected, "{path}");
        }
    }
}
