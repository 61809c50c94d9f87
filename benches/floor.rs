//! The least that any renderer has to do: read the three inputs, parse them with dayfly's own reader, write the bytes that
//! dayfly writes. What dayfly costs beyond it is dayfly's own.
//!
//!     floor PREVIEW GUARDRAILS PARAMETERS
//!
//! `benches/run` compiles the bytes in: `--cfg output_included`, and their path in `FLOOR_OUTPUT`.

#![allow(unexpected_cfgs)]

use std::io::{self, Write};
use std::{env, fs, hint};

use dayfly::yaml::{self, Limits};

/// The same allocator as dayfly's.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(output_included)]
static OUTPUT: &[u8] = include_bytes!(env!("FLOOR_OUTPUT"));
#[cfg(not(output_included))]
static OUTPUT: &[u8] = b"";

fn main() -> io::Result<()> {
    for path in env::args_os().skip(1) {
        let text = fs::read_to_string(path)?;
        let documents = yaml::read(&text, Limits::DOCUMENT);
        if hint::black_box(documents).is_err() {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    io::stdout().write_all(OUTPUT)
}
