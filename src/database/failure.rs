//! Why a command ends without what it was called for.

use std::fmt;

/// It was refused, or the team's own program failed: calling again as it stands will not help. Everything else that goes
/// wrong is the surroundings' (exit code 2).
#[derive(Debug)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Ends a function with [`Refused`].
macro_rules! refuse {
    ($($message:tt)*) => {
        return Err(anyhow::Error::new($crate::database::failure::Refused(format!($($message)*))))
    };
}
pub(crate) use refuse;
