//! The build script: compiles `templates/*.yaml` into static data, so that a render neither reads nor parses them.

#![allow(
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

mod node;

use expression::parse::Part;
use node::{Mapping, Node, Template};

fn main() {
    println!("cargo::rerun-if-changed=templates");
    println!("cargo::rerun-if-changed=src/template");
    println!("cargo::rerun-if-changed=src/yaml");
    println!("cargo::rerun-if-changed=src/expression/parse.rs");
    let folder = Path::new("templates");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("templates/").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let mut source = String::from("&[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let text = fs::read_to_string(&file).expect("a readable template");
        let template = Template::compile(name, &text).unwrap_or_else(|mistake| {
            panic!("{}:{}:{}: {}", file.display(), mistake.mark.line, mistake.mark.column, mistake.message)
        });
        write!(source, "Template {{ name: Cow::Borrowed({name:?}), documents: Cow::Borrowed(&[").expect("memory");
        for document in template.documents.iter() {
            write_node(&mut source, document);
            source.push(',');
        }
        source.push_str("]) },\n");
    }
    source.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("OUT_DIR"));
    fs::write(out.join("templates.rs"), source).expect("a writable OUT_DIR");
}

fn write_node(out: &mut String, node: &Node) {
    match node {
        Node::Null => out.push_str("Node::Null"),
        Node::Bool(value) => write!(out, "Node::Bool({value})").expect("memory"),
        Node::Int(value) => write!(out, "Node::Int({value})").expect("memory"),
        Node::Text(text) => write!(out, "Node::Text(Cow::Borrowed({text:?}))").expect("memory"),
        Node::Expression { parts, line } => {
            out.push_str("Node::Expression { parts: ");
            write_parts(out, parts);
            write!(out, ", line: {line} }}").expect("memory");
        }
        Node::List(items) => {
            out.push_str("Node::List(Cow::Borrowed(&[");
            for item in items.iter() {
                write_node(out, item);
                out.push(',');
            }
            out.push_str("]))");
        }
        Node::Map(mapping) => {
            out.push_str("Node::Map(");
            write_mapping(out, mapping);
            out.push(')');
        }
    }
}

fn write_mapping(out: &mut String, mapping: &Mapping) {
    out.push_str("Mapping { each: ");
    match &mapping.each {
        None => out.push_str("None"),
        Some(each) => {
            write!(out, "Some(Each {{ name: Cow::Borrowed({:?}), list: ", each.name).expect("memory");
            write_names(out, &each.list);
            out.push_str(" })");
        }
    }
    out.push_str(", when: ");
    match &mapping.when {
        None => out.push_str("None"),
        Some(parts) => {
            out.push_str("Some(");
            write_parts(out, parts);
            out.push(')');
        }
    }
    out.push_str(", entries: Cow::Borrowed(&[");
    for pair in mapping.entries.iter() {
        out.push_str("Pair { key: ");
        write_parts(out, &pair.key);
        out.push_str(", value: ");
        write_node(out, &pair.value);
        out.push_str(" },");
    }
    out.push_str("]) }");
}

fn write_parts(out: &mut String, parts: &[Part]) {
    out.push_str("Cow::Borrowed(&[");
    for part in parts {
        match part {
            Part::Text(text) => write!(out, "Part::Text(Cow::Borrowed({text:?}))").expect("memory"),
            Part::Expression(source) => write!(out, "Part::Expression(Cow::Borrowed({source:?}))").expect("memory"),
            Part::Path(names) => {
                out.push_str("Part::Path(");
                write_names(out, names);
                out.push(')');
            }
        }
        out.push(',');
    }
    out.push_str("])");
}

fn write_names(out: &mut String, names: &[std::borrow::Cow<'static, str>]) {
    out.push_str("Cow::Borrowed(&[");
    for name in names {
        write!(out, "Cow::Borrowed({name:?}),").expect("memory");
    }
    out.push_str("])");
}
