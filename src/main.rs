//! The program `dayfly`: see the library for what it does.

use std::process::ExitCode;

// musl's own allocator costs two thirds more per render.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    dayfly::cli::run(std::env::args_os(), &mut std::io::stdout().lock(), &mut std::io::stderr().lock()).into()
}
