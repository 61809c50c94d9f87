//! The program `dayfly`: see the library for what it does.

use std::process::ExitCode;

// musl's own allocator costs two thirds more per render.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    // What a render needs, in one mapping: on its own, the allocator asks for 64 KiB whenever it runs out.
    #[cfg(target_env = "musl")]
    drop(std::hint::black_box(Vec::<u8>::with_capacity(3 << 16)));
    dayfly::cli::run(std::env::args_os(), &mut std::io::stdout().lock(), &mut std::io::stderr().lock()).into()
}
