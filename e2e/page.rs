//! What the documentation tells people to do, as the tests do it: no page has a recipe that nobody ran.

use std::{fs, path::Path};

/// The block of `docs/PAGE` that has `recipe=NAME` after its fence.
pub(crate) fn recipe(page: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mark = format!(" recipe={name}");
    let mut blocks = text.split("\n```").filter(|block| block.lines().next().is_some_and(|info| info.ends_with(&mark)));
    let block = blocks.next().unwrap_or_else(|| panic!("{page} has no block{mark}"));
    assert!(blocks.next().is_none(), "{page} has two blocks{mark}");
    block.split_once('\n').expect("a fence is a line").1.to_owned() + "\n"
}
