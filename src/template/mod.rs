//! Templates: what is emitted, laid out. One file an object family, in `templates/`; none of them decides anything.
//!
//! A template is YAML in which a scalar `${{ … }}` is filled in, `$when` leaves something out and `$for` repeats it.
//! Alone in its scalar an expression keeps its type: a list put into a list is spliced in, and what is null is left out
//! with its key.

mod evaluate;
mod node;

use std::borrow::Cow;

pub use evaluate::{Place, Trace, evaluate};
pub use node::{Mistake, Template};

use crate::expression::Part;
use node::{Each, Mapping, Node, Pair};

/// The templates of `templates/`, compiled when dayfly was built.
pub static BUILT_IN: &[Template] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));
