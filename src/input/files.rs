//! Reads files, within limits and without being led astray.

use std::{
    fs::File,
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, bail};

use super::Source;

/// Reads a whole file of at most `limit` bytes, `-` for standard input.
pub fn read_file(path: &Path, limit: usize) -> anyhow::Result<Source> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    if name == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("failed to read standard input")?;
    } else {
        let file = File::open(path).with_context(|| format!("failed to open `{name}`"))?;
        // One read for the whole file instead of a dozen that feel their way.
        let size = file.metadata().map_or(0, |metadata| metadata.len()).min(most);
        bytes.reserve_exact(usize::try_from(size).unwrap_or(0) + 1);
        file.take(most).read_to_end(&mut bytes).with_context(|| format!("failed to read `{name}`"))?;
    }
    if bytes.len() > limit {
        bail!("`{name}` has more than {limit} bytes");
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!("`{name}` is not UTF-8: byte {} is none", error.utf8_error().valid_up_to() + 1)
    })?;
    Ok(Source { name, text })
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
