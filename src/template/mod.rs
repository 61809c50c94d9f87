//! Templates: what is emitted, laid out. One file an object family, in `templates/`; none of them decides anything.
//!
//! A template is YAML in which a scalar `${{ … }}` is filled in, `$when` leaves something out and `$for` repeats it.
//! Alone in its scalar an expression keeps its type: a list put into a list is spliced in, and what is null is left out
//! with its key.

mod check;
mod code;
mod evaluate;
mod read;
mod trace;

pub use code::Mistake;
pub use evaluate::evaluate;
pub use read::kinds;
pub use trace::{Place, Trace};

use crate::yaml::Node;

/// A compiled template.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Its file's.
    pub name: &'static str,
    /// As messages name it.
    pub file: &'static str,
    code: &'static str,
    /// Tells what it says from what another does.
    pub(crate) fingerprint: u64,
}

/// The templates of `templates/`, compiled when dayfly was built.
pub static BUILT_IN: &[Template] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

impl Template {
    /// Compiles a template of the platform's. It stays for the rest of the process: it is read once, and used for every
    /// pull request.
    ///
    /// # Errors
    /// What is no template.
    pub fn compile(name: &str, file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        Self::of(name, file, code::documents(text)?)
    }

    /// The same, or all that is wrong with it: what can be seen before there is a pull request.
    ///
    /// # Errors
    /// What is no template, an expression that does not parse, a name that the Environment does not have.
    pub fn checked(name: &str, file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let documents = code::documents(text)?;
        let mut mistakes = check::check(text, &documents);
        match Self::of(name, file, documents) {
            Ok(template) if mistakes.is_empty() => Ok(template),
            compiled => {
                mistakes.extend(compiled.err().into_iter().flatten());
                mistakes.sort_by_key(|mistake| mistake.mark);
                Err(mistakes)
            }
        }
    }

    fn of(name: &str, file: &str, documents: Vec<Node<'_>>) -> Result<Self, Vec<Mistake>> {
        let code = code::compile(&documents)?;
        let fingerprint = code::fingerprint(documents);
        let (name, file) = (name.to_owned().leak(), file.to_owned().leak());
        Ok(Self { name, file, code: code.leak(), fingerprint })
    }
}
