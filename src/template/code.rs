//! A template as code: what [`compile`] makes of its YAML, before any value is seen.
//!
//! Structure first: what an expression yields can fill a scalar, a list or a map, but never becomes keys or documents by
//! being read as text. The code is one string without pointers, so that the built-in templates lie in the program as they
//! are: a tree of references would have to be relocated at every start, which cost more than the whole render.
//! Shared with the build script, which compiles the built-in templates.
//!
//! ```text
//! template = number of documents, documents
//! node     = n | t | f | i text | s text | e parts | l count nodes | map
//! map      = m length each when count (key node)*         length: of what follows it
//! key      = s text | e parts
//! each     = r mark text names | -                          when: w parts | -
//! parts    = mark count (s text | p names | x text)*        names: length, count text*
//! mark     = line column                                    of the file, for messages
//! text     = length, characters                             numbers: three characters of seven bits
//! ```

use crate::{
    expression::parse::{Piece, pieces},
    yaml::{Data, Entry, Limits, Mark, Node, read, scalar},
};

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// In the template's file.
    pub mark: Mark,
    /// What is wrong, for people.
    pub message: String,
}

/// A template as YAML.
pub(super) fn documents(text: &str) -> Result<Vec<Node<'_>>, Vec<Mistake>> {
    read(text, Limits::MANIFESTS).map_err(|error| {
        error.problems.into_iter().map(|problem| Mistake { mark: problem.mark, message: problem.message }).collect()
    })
}

/// The code of a template, or all that is wrong with it.
pub(super) fn compile(documents: &[Node<'_>]) -> Result<String, Vec<Mistake>> {
    let (mut code, mut mistakes) = (String::new(), Mistakes::new());
    number(&mut code, documents.len());
    for document in documents {
        match &document.data {
            Data::Map(entries) => map(&mut code, entries, true, &mut mistakes),
            _ => mistakes.push(mistake(document.mark, "a document is a map")),
        }
    }
    if code.len() >= MOST {
        mistakes.push(mistake(Mark::default(), "the template is too long, with what its aliases stand for"));
    }
    if mistakes.is_empty() { Ok(code) } else { Err(mistakes) }
}

/// What is wrong so far; the code of a template that has any is of no use.
type Mistakes = Vec<Mistake>;

/// Tells what a template says from what another does, wherever that stands in its file: FNV-1a of its code without marks. Computed
/// when that is made, since to read it all takes a hundredth of a render.
pub(super) fn fingerprint(mut documents: Vec<Node<'_>>) -> u64 {
    documents.iter_mut().for_each(unmark);
    let code = compile(&documents).unwrap_or_default();
    code.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn unmark(node: &mut Node<'_>) {
    node.mark = Mark::default();
    match &mut node.data {
        Data::Scalar { .. } => {}
        Data::List(items) => items.iter_mut().for_each(unmark),
        Data::Map(entries) => {
            for entry in entries {
                entry.mark = Mark::default();
                unmark(&mut entry.value);
            }
        }
    }
}

/// Digits of a number, each of seven bits.
pub(super) const DIGITS: usize = 3;

/// What no number in it can reach, nor any line or column of a file.
const MOST: usize = 1 << (7 * DIGITS);

fn number(code: &mut String, number: usize) {
    for digit in (0..DIGITS).rev() {
        code.push(char::from(u8::try_from(number >> (7 * digit) & 0x7f).unwrap_or(0)));
    }
}

fn text(code: &mut String, text: &str) {
    number(code, text.len());
    code.push_str(text);
}

fn place(code: &mut String, mark: Mark) {
    number(code, mark.line as usize);
    number(code, mark.column as usize);
}

fn node(code: &mut String, yaml: &Node<'_>, repeats: bool, mistakes: &mut Mistakes) {
    match &yaml.data {
        Data::Scalar { text: source, .. } if source.contains("${{") => {
            code.push('e');
            parts(code, source, yaml.mark, mistakes);
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
                mistakes.push(mistake(yaml.mark, "no manifest needs a fraction: put it in quotes"));
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
                node(code, item, true, mistakes);
            }
        }
        Data::Map(entries) => map(code, entries, repeats, mistakes),
    }
}

/// `repeats`: whether `$for` may stand here.
fn map(code: &mut String, entries: &[Entry<'_>], repeats: bool, mistakes: &mut Mistakes) {
    let (mut each, mut when) = ("-".to_owned(), "-".to_owned());
    let (mut count, mut pairs) = (0, String::new());
    for entry in entries {
        match entry.key.as_ref() {
            "$for" if !repeats => {
                mistakes.push(mistake(entry.mark, "`$for` repeats documents and list items only"));
            }
            "$for" => match for_each(entry) {
                Some((name, path)) => {
                    "r".clone_into(&mut each);
                    place(&mut each, entry.value.mark);
                    text(&mut each, name);
                    names(&mut each, &path.split('.').collect::<Vec<_>>());
                }
                None => mistakes.push(mistake(entry.mark, "`$for` takes `NAME in PATH`")),
            },
            "$when" => match entry.value.text().filter(|source| source.contains("${{")) {
                Some(source) => {
                    "w".clone_into(&mut when);
                    parts(&mut when, source, entry.value.mark, mistakes);
                }
                None => mistakes.push(mistake(entry.mark, "`$when` takes one `${{ … }}`")),
            },
            key if key.starts_with('$') && !key.starts_with("${{") => {
                mistakes.push(mistake(entry.mark, "unknown directive: there are `$for` and `$when`"));
            }
            key => {
                count += 1;
                if key.contains("${{") {
                    pairs.push('e');
                    parts(&mut pairs, key, entry.mark, mistakes);
                } else {
                    pairs.push('s');
                    text(&mut pairs, key);
                }
                node(&mut pairs, &entry.value, false, mistakes);
            }
        }
    }
    code.push('m');
    number(code, each.len() + when.len() + DIGITS + pairs.len());
    code.push_str(&each);
    code.push_str(&when);
    number(code, count);
    code.push_str(&pairs);
}

/// `NAME in PATH`.
pub(super) fn for_each<'e>(entry: &'e Entry<'_>) -> Option<(&'e str, &'e str)> {
    let words: Vec<&str> = entry.value.text().unwrap_or_default().split_whitespace().collect();
    let [name, "in", path] = words.as_slice() else { return None };
    Some((name, path))
}

fn names(code: &mut String, names: &[&str]) {
    let mut inside = String::new();
    number(&mut inside, names.len());
    for name in names {
        text(&mut inside, name);
    }
    text(code, &inside);
}

fn parts(code: &mut String, source: &str, mark: Mark, mistakes: &mut Mistakes) {
    let pieces = match pieces(source) {
        Ok(pieces) => pieces,
        Err(message) => return mistakes.push(Mistake { mark, message }),
    };
    place(code, mark);
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
}

fn mistake(mark: Mark, message: &str) -> Mistake {
    Mistake { mark, message: message.to_owned() }
}
