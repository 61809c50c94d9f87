//! A template as code: what [`compile`] makes of its YAML, before any value is seen.
//!
//! Structure first: what an expression yields can fill a scalar, a list or a map, but never becomes keys or documents by
//! being read as text. The code is one string without pointers, so that the built-in templates lie in the program as they
//! are: a tree of references would have to be relocated at every start, which cost more than the whole render.
//! Shared with the build script, which compiles the built-in templates.
//!
//! ```text
//! template = number of documents, documents
//! node     = n | t | f | i text | s text | e line parts | l count nodes | map
//! map      = m length each? when? count (key node)*         length: of what follows it
//! key      = s text | e parts
//! each     = r text names | -                               when: w parts | -
//! parts    = count (s text | p names | x text)*             names: length, count text*
//! text     = length, characters                             numbers: three characters of seven bits
//! ```

use crate::{
    expression::parse::{Piece, pieces},
    yaml::{Data, Entry, Limits, Mark, Node, read, scalar},
};

/// What is wrong with a template, and where.
#[derive(Clone, Debug)]
pub struct Mistake {
    pub mark: Mark,
    pub message: String,
}

/// The code of a template.
pub(super) fn compile(text: &str) -> Result<String, Mistake> {
    let documents = read(text, Limits::MANIFESTS).map_err(|error| match error.problems.into_iter().next() {
        Some(problem) => Mistake { mark: problem.mark, message: problem.message },
        None => mistake(Mark::default(), "unreadable"),
    })?;
    let mut code = String::new();
    number(&mut code, documents.len());
    for document in &documents {
        match &document.data {
            Data::Map(entries) => map(&mut code, entries, true)?,
            _ => return Err(mistake(document.mark, "a document is a map")),
        }
    }
    Ok(code)
}

/// Tells a template's code from another's: FNV-1a. Computed when the code is made, since to read it all takes a hundredth of a render.
pub(super) fn fingerprint(code: &str) -> u64 {
    code.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Digits of a number, each of seven bits.
pub(super) const DIGITS: usize = 3;

fn number(code: &mut String, number: usize) {
    // Files are smaller than two million of anything, by the reader's limits.
    for digit in (0..DIGITS).rev() {
        code.push(char::from(u8::try_from(number >> (7 * digit) & 0x7f).unwrap_or(0)));
    }
}

fn text(code: &mut String, text: &str) {
    number(code, text.len());
    code.push_str(text);
}

fn node(code: &mut String, yaml: &Node<'_>, repeats: bool) -> Result<(), Mistake> {
    match &yaml.data {
        Data::Scalar { text: source, .. } if source.contains("${{") => {
            code.push('e');
            number(code, yaml.mark.line as usize);
            parts(code, source, yaml.mark)?;
        }
        Data::Scalar { text: source, plain: false } => {
            code.push('s');
            text(code, source);
        }
        Data::Scalar { text: source, plain: true } => match scalar::core(source) {
            scalar::Plain::Null => code.push('n'),
            scalar::Plain::Bool(true) => code.push('t'),
            scalar::Plain::Bool(false) => code.push('f'),
            scalar::Plain::Int(value) => {
                code.push('i');
                text(code, &value.to_string());
            }
            scalar::Plain::Float(_) => {
                return Err(mistake(yaml.mark, "no manifest needs a fraction: put it in quotes"));
            }
            scalar::Plain::Text => {
                code.push('s');
                text(code, source);
            }
        },
        Data::List(items) => {
            code.push('l');
            number(code, items.len());
            for item in items {
                node(code, item, true)?;
            }
        }
        Data::Map(entries) => map(code, entries, repeats)?,
    }
    Ok(())
}

/// `repeats`: whether `$for` may stand here.
fn map(code: &mut String, entries: &[Entry<'_>], repeats: bool) -> Result<(), Mistake> {
    let (mut each, mut when) = ("-".to_owned(), "-".to_owned());
    let (mut count, mut pairs) = (0, String::new());
    for entry in entries {
        match entry.key.as_ref() {
            "$for" if !repeats => return Err(mistake(entry.mark, "`$for` repeats documents and list items only")),
            "$for" => each = for_each(entry)?,
            "$when" => {
                let source = entry.value.text().filter(|source| source.contains("${{"));
                "w".clone_into(&mut when);
                parts(
                    &mut when,
                    source.ok_or_else(|| mistake(entry.mark, "`$when` takes one `${{ … }}`"))?,
                    entry.value.mark,
                )?;
            }
            key if key.starts_with('$') && !key.starts_with("${{") => {
                return Err(mistake(entry.mark, "unknown directive: there are `$for` and `$when`"));
            }
            key => {
                count += 1;
                if key.contains("${{") {
                    pairs.push('e');
                    parts(&mut pairs, key, entry.mark)?;
                } else {
                    pairs.push('s');
                    text(&mut pairs, key);
                }
                node(&mut pairs, &entry.value, false)?;
            }
        }
    }
    code.push('m');
    number(code, each.len() + when.len() + DIGITS + pairs.len());
    code.push_str(&each);
    code.push_str(&when);
    number(code, count);
    code.push_str(&pairs);
    Ok(())
}

/// `NAME in PATH`.
fn for_each(entry: &Entry<'_>) -> Result<String, Mistake> {
    let words: Vec<&str> = entry.value.text().unwrap_or_default().split_whitespace().collect();
    let [name, "in", path] = words.as_slice() else { return Err(mistake(entry.mark, "`$for` takes `NAME in PATH`")) };
    let mut code = "r".to_owned();
    text(&mut code, name);
    names(&mut code, &path.split('.').collect::<Vec<_>>());
    Ok(code)
}

fn names(code: &mut String, names: &[&str]) {
    let mut inside = String::new();
    number(&mut inside, names.len());
    for name in names {
        text(&mut inside, name);
    }
    text(code, &inside);
}

fn parts(code: &mut String, source: &str, mark: Mark) -> Result<(), Mistake> {
    let pieces = pieces(source).map_err(|message| Mistake { mark, message })?;
    number(code, pieces.len());
    for piece in pieces {
        match piece {
            Piece::Text(part) => {
                code.push('s');
                text(code, part);
            }
            Piece::Path(path) => {
                code.push('p');
                names(code, &path);
            }
            Piece::Expression(part) => {
                code.push('x');
                text(code, part);
            }
        }
    }
    Ok(())
}

fn mistake(mark: Mark, message: &str) -> Mistake {
    Mistake { mark, message: message.to_owned() }
}
