//! The build script: compiles `templates/*.yaml`, so that a render neither reads nor parses them, and has the linker of the
//! released program put what a render never runs behind the rest.

#![allow(
    clippy::pedantic,
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "the modules below are the crate's own, which uses more of them"
)]

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

#[path = "../yaml/mod.rs"]
mod yaml;

#[path = "../expression/parse.rs"]
mod parse;

/// The paths that the shared modules know.
mod expression {
    pub(crate) use super::parse;
}

mod code;

fn main() {
    for source in ["templates", "src/template", "src/yaml", "src/expression/parse.rs", "src/hot.ld"] {
        println!("cargo::rerun-if-changed={source}");
    }
    if env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "musl") {
        let root = env::var("CARGO_MANIFEST_DIR").expect("CARGO_MANIFEST_DIR");
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs,-T,{root}/src/hot.ld");
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(Path::new("templates")).expect("templates/").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("OUT_DIR"));
    let mut source = String::from("&[\n");
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let text = fs::read_to_string(&file).expect("a readable template");
        let compiled =
            code::documents(&text).and_then(|documents| Ok((code::compile(&documents)?, code::fingerprint(documents))));
        let (code, fingerprint) = compiled.unwrap_or_else(|mistakes| {
            let mistake = &mistakes[0];
            panic!("{}:{}:{}: {}", file.display(), mistake.mark.line, mistake.mark.column, mistake.message)
        });
        let [a, b, c, d] = [48, 32, 16, 0].map(|shift| fingerprint >> shift & 0xffff);
        fs::write(out.join(name), code).expect("a writable OUT_DIR");
        writeln!(source, "Template {{ name: {name:?}, file: \"templates/{name}\", code: include_str!({name:?}), fingerprint: 0x{a:04x}_{b:04x}_{c:04x}_{d:04x} }},")
            .expect("memory");
    }
    source.push(']');
    fs::write(out.join("templates.rs"), source).expect("a writable OUT_DIR");
}
