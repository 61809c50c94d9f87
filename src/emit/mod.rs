//! The way out: objects as bytes, all of them made before the first is written.
//!
//! Half an output is worse than none: Argo CD would prune whatever is missing.

mod dir;
pub(crate) mod json;
pub(crate) mod yaml;

use std::{
    io::{self, Write},
    path::PathBuf,
    str::FromStr,
};

use crate::objects::Object;

/// How objects are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: reads the same in YAML 1.1 and 1.2.
    Yaml,
    /// One array, for `jq`.
    Json,
    /// One object a line, for Argo CD, whose YAML parser takes JSON as what it is.
    Ndjson,
    /// One YAML file per object, in this folder.
    Dir(PathBuf),
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "yaml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            _ => match text.strip_prefix("dir=") {
                Some("") => Err("`dir=` lacks the folder: `dir=PATH`".to_owned()),
                Some(path) => Ok(Self::Dir(PathBuf::from(path))),
                None => Err("allowed are `yaml`, `json`, `ndjson` and `dir=PATH`".to_owned()),
            },
        }
    }
}

/// Writes all objects, in one go; a folder goes to the disk, everything else to `out`.
pub fn write(format: &Format, objects: &[Object], out: &mut dyn Write) -> io::Result<()> {
    // An object has a bit more than a kilobyte: growing step by step would touch twice the memory.
    let mut bytes = Vec::with_capacity(objects.len() * 1536);
    match format {
        Format::Yaml => bytes = yaml::documents(objects.iter().map(|object| &object.value)).into_bytes(),
        Format::Json => json::array(objects.iter().map(|object| &object.value), &mut bytes),
        Format::Ndjson => ndjson(objects, &mut bytes),
        Format::Dir(path) => return dir::write(path, objects),
    }
    out.write_all(&bytes)?;
    out.flush()
}

/// Appends one object a line: what renders many environments keeps one buffer.
pub fn ndjson(objects: &[Object], out: &mut Vec<u8>) {
    json::lines(objects.iter().map(|object| &object.value), out);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Format, write};
    use crate::{
        objects::{Object, Origin},
        value::Value,
    };

    #[test]
    fn formats_are_parsed() {
        assert_eq!("yaml".parse(), Ok(Format::Yaml));
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!("ndjson".parse(), Ok(Format::Ndjson));
        assert_eq!("dir=a=b".parse(), Ok(Format::Dir(PathBuf::from("a=b"))));
        assert_eq!("toml".parse::<Format>(), Err("allowed are `yaml`, `json`, `ndjson` and `dir=PATH`".to_owned()));
        assert_eq!("dir=".parse::<Format>(), Err("`dir=` lacks the folder: `dir=PATH`".to_owned()));
    }

    fn written(format: &Format, count: usize) -> String {
        let value = Value::map([("kind", "ConfigMap".into()), ("on", Value::Int(1))]);
        let object = Object { value, origin: Origin::Template("test".into()) };
        let mut out = Vec::new();
        write(format, &vec![object; count], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format_separates_objects_its_own_way() {
        assert_eq!(written(&Format::Yaml, 2), "kind: ConfigMap\n\"on\": 1\n---\nkind: ConfigMap\n\"on\": 1\n");
        assert_eq!(written(&Format::Ndjson, 2), "{\"kind\":\"ConfigMap\",\"on\":1}\n".repeat(2));
        assert_eq!(written(&Format::Json, 1), "[\n  {\n    \"kind\": \"ConfigMap\",\n    \"on\": 1\n  }\n]\n");
    }

    #[test]
    fn no_objects_are_no_output() {
        assert_eq!(written(&Format::Yaml, 0), "");
        assert_eq!(written(&Format::Ndjson, 0), "");
        assert_eq!(written(&Format::Json, 0), "[]\n");
    }
}
