//! Files that a service reads: their texts, where its container has them, and what is wrong with either.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    expression::Interpolated,
    finding::{InputFile, Owner, visible},
    input::{
        PolicySpec,
        policy::{MOST_FILES, Service},
    },
    rules,
    value::{Map, Value, child},
};

use super::{
    Decision, Origin, Resolver,
    addresses::Reaches,
    config, databases,
    environment::{FileMount, Writable},
    names,
    texts::TextKind,
};

/// Most bytes of a service's files together. Source: Kubernetes, `ValidateConfigMap` in `pkg/apis/core/validation/validation.go`.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// A service's files, as its facts have them.
#[derive(Default)]
pub(super) struct Files {
    pub(super) texts: Value,
    pub(super) mounts: Vec<FileMount>,
    pub(super) config_map: Option<String>,
    pub(super) hash: Option<String>,
}

impl<'a> Resolver<'a> {
    /// A service's files. `writable`: its folders, in which none can be.
    pub(super) fn files(&mut self, service: &'a Service, writable: &[Writable], pointer: &str) -> Files {
        let files = &service.files;
        if files.is_empty() {
            return Files::default();
        }
        if files.len() > MOST_FILES {
            let message = format!("{} files, allowed are {MOST_FILES} of a service", files.len());
            self.policy_finding(&rules::input::INPUT_LIMIT, format!("{pointer}/files"), message).help =
                Some("what is the same in every preview belongs into the image".into());
            return Files::default();
        }
        self.file_places(service, writable, pointer);
        let mut known = None;
        let (mut data, mut mounts) = (Map::with_capacity(files.len()), Vec::with_capacity(files.len()));
        for (path, asked) in files.iter() {
            let here = || child(&format!("{pointer}/files"), path);
            let mistakes = self.findings.len();
            let text = self.text(asked, TextKind::File, here);
            if self.findings.len() == mistakes {
                self.judge_file(service, asked, &text, path, here);
                if asked.plain().any(|plain| plain.contains("$(")) {
                    let known = known.get_or_insert_with(|| variables(self.policy, service));
                    self.judge_reference_in_file(asked, known, here);
                }
            }
            let key = names::file_key(path);
            let field = |list| format!("services.{}.{list}.{key}", service.name);
            let origin = || Origin::Input(InputFile::Policy, here());
            self.decisions.record(|| Decision {
                asked: (asked.source != text).then(|| asked.source.to_string()),
                ..Decision::new(field("files"), origin(), &*text, "what the service reads there")
            });
            let reason = "mounted by itself: what the image has beside it stays";
            self.decisions.record(|| Decision::new(field("fileMounts"), origin(), path, reason));
            mounts.push(FileMount { name: key.clone(), path: path.to_owned() });
            data.push(key, Value::string(text));
        }
        self.judge_size(service, &data, pointer);
        let (texts, config_map) = (Value::Map(data), names::files(&service.name));
        let layout = self.layouts.files.get(&config_map).map_or("", String::as_str);
        Files { hash: Some(config::hash(&texts, layout)), config_map: Some(config_map), texts, mounts }
    }

    /// Reports files where no container can have one.
    fn file_places(&mut self, service: &Service, writable: &[Writable], pointer: &str) {
        let files: BTreeSet<&str> = service.files.names().collect();
        let folders: BTreeSet<&str> = writable.iter().map(|folder| &*folder.path).collect();
        for path in service.files.names() {
            if let Some(message) = rules::service_file::refusal(path, &files, &folders) {
                let place = child(&format!("{pointer}/files"), path);
                self.policy_finding(&rules::service_file::SERVICE_FILE, place, message);
            }
        }
    }

    /// Reports what a file's text says and should not.
    fn judge_file(
        &mut self,
        service: &Service,
        asked: &Interpolated,
        text: &str,
        path: &str,
        here: impl Fn() -> String + Copy,
    ) {
        let text = if text.contains(OF_COLLECTOR) { Cow::from(text.replace(OF_COLLECTOR, "${")) } else { text.into() };
        let what = || format!("what the file `{}` says", visible(path));
        let variables: Vec<&str> =
            if text.contains("${") { self.own_hosts(&service.env).collect() } else { Vec::new() };
        let reaches = Reaches { uses: &service.uses, variables: &variables };
        let mistakes = self.findings.len();
        self.judge_address(asked, &text, reaches, what, here);
        // What a comment is differs by program.
        if let Some(finding) = self.findings[mistakes..].iter_mut().find(|finding| finding.help.is_none())
            && text.lines().any(|line| ["#", "//", ";", "--"].iter().any(|sign| line.trim_start().starts_with(sign)))
        {
            finding.help = Some("a comment counts, too: leave out the address there".into());
        }
        self.judge_plain(asked, TextKind::File, here);
    }

    /// Reports files that no ConfigMap has room for.
    fn judge_size(&mut self, service: &Service, data: &Map, pointer: &str) {
        let size: usize = data.iter().filter_map(|(_, text)| text.as_str()).map(str::len).sum();
        if size <= MOST_BYTES {
            return;
        }
        // The policy has no room for as much: expressions add to it.
        let mut texts = service.files.iter().map(|(_, text)| text);
        let is_its_own = texts.any(|text| self.owner_of(text, InputFile::Policy) == Owner::PullRequest);
        let message = format!(
            "the files of `{}` come to {size} bytes, allowed are {MOST_BYTES}: no ConfigMap holds more",
            service.name
        );
        let finding = self.policy_finding(&rules::input::INPUT_LIMIT, format!("{pointer}/files"), message);
        finding.help = Some("what is the same in every preview belongs into the image".into());
        if is_its_own {
            finding.owner = Owner::PullRequest;
        }
    }
}

/// Before a variable's name, where an OpenTelemetry collector reads it.
const OF_COLLECTOR: &str = "${env:";

/// The variables that a service's container has of the policy.
fn variables<'a>(policy: &'a PolicySpec, service: &'a Service) -> BTreeSet<&'a str> {
    let used: BTreeSet<&str> = service.uses.iter().map(|name| &**name).collect();
    let secrets = policy.secrets.iter().filter(|secret| used.contains(&*secret.name));
    let databases = policy.databases.iter().filter(|database| used.contains(&*database.name));
    let of_databases = databases.flat_map(|database| database.keys.names().chain([databases::url_variable(database)]));
    service.env.names().chain(secrets.flat_map(|secret| secret.keys.names())).chain(of_databases).collect()
}
