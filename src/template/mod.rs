//! Templates: what is emitted, laid out. One file an object family, in `templates/`; none of them decides anything.
//!
//! A template is YAML in which a scalar `${{ … }}` is filled in, `$when` leaves something out and `$for` repeats it.
//! Alone in its scalar an expression keeps its type: a list put into a list is spliced in, and what is null is left out
//! with its key.

mod code;
mod evaluate;

pub use code::Mistake;
pub use evaluate::{Place, Trace, evaluate};

/// A compiled template.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Its file's.
    pub name: &'static str,
    code: &'static str,
    /// Tells its code from another's.
    pub(crate) fingerprint: u64,
}

/// The templates of `templates/`, compiled when dayfly was built.
pub static BUILT_IN: &[Template] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

impl Template {
    /// Compiles a template of the platform's. It stays for the rest of the process: it is read once, and used for every
    /// pull request.
    pub fn compile(name: &str, text: &str) -> Result<Self, Mistake> {
        let code = code::compile(text)?;
        let fingerprint = code::fingerprint(&code);
        Ok(Self { name: name.to_owned().leak(), code: code.leak(), fingerprint })
    }
}
