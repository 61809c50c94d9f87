//! The policy's services: what their Pods run, get and may use.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{
    emit::json::compact,
    finding::{InputFile, Owner, visible},
    input::{
        Ordered,
        guardrails::Tls,
        policy::Service,
        scalar::{
            AbsolutePath, DnsLabel, Duration, GroupId, InterpolatedPath, Port, Quantity, Scalar as _, UserId, is_image,
        },
    },
    rules,
    value::{Map, Value, child},
};

use super::{
    Decision, Origin, Preview, PullRequest, Resolver,
    addresses::Reaches,
    environment::{DatabaseFacts, RouteFacts, ServiceFacts, Writable},
    names,
    size::own_limits,
    texts::TextKind,
    variables::Container,
};

/// A user without a name or a home in any image: the one of distroless' `nonroot`.
const NOBODY: u32 = 65_532;

/// The folder that every program may write to.
const TMP: &str = "/tmp";

/// How long a workload may take to start, in seconds, and how often it is asked, as `templates/deployment.yaml` has it.
pub(crate) const START: u64 = 120;
pub(crate) const PROBE_PERIOD: u64 = 2;

/// A Deployment's `progressDeadlineSeconds`, which nobody states.
pub(crate) const LONGEST_START: u64 = 600;

impl<'a> Resolver<'a> {
    /// Lets expressions see the services' addresses inside of the namespace.
    pub(super) fn see_services(&mut self) {
        let seen: Map = self
            .policy
            .services
            .iter()
            .map(|service| {
                let mut facts = Map::default();
                // Without a port there is no Service, and so no address.
                if let Some(port) = service.port {
                    facts.push("host", Value::string(&*service.name));
                    facts.push("port", Value::Int(i64::from(port.get())));
                    facts.push("url", Value::string(format!("http://{}:{port}", service.name)));
                }
                (service.name.to_string(), Value::Map(facts))
            })
            .collect();
        self.facts.insert("services", Value::Map(seen));
    }

    pub(super) fn services(
        &mut self,
        preview: Preview<'_>,
        databases: &[DatabaseFacts],
        routes: &[RouteFacts],
    ) -> Vec<ServiceFacts> {
        let policy = self.policy;
        self.names_once();
        self.servers_apart(databases);
        let store = preview.secret_store.map(|store| compact(&store.provider)).unwrap_or_default();
        let sources: BTreeMap<&str, String> = databases
            .iter()
            .map(|database| (&*database.name, database.branch.clone()))
            .chain(preview.secrets.iter().map(|secret| (&*secret.name, secret.source(&store))))
            .collect();
        let services = policy.services.iter().enumerate().map(|(index, service)| {
            let route = routes.iter().find(|route| *route.service == *service.name);
            let used: Vec<&str> =
                service.uses.iter().filter_map(|name| sources.get(&**name)).map(String::as_str).collect();
            let uses_hash = (!used.is_empty()).then(|| names::hash(&used));
            self.service(service, &format!("/spec/services/{index}"), preview, databases, route, uses_hash)
        });
        services.collect()
    }

    /// A Secret, a database and a service each have a name of their own kind; Secrets of both kinds share one.
    fn names_once(&mut self) {
        let policy = self.policy;
        let places = |list: &'static str, names: &mut dyn Iterator<Item = &'a DnsLabel>| -> Vec<_> {
            names.enumerate().map(|(index, name)| (Cow::Borrowed(&**name), (list, index))).collect()
        };
        let services = places("services", &mut policy.services.iter().map(|service| &service.name));
        let routes = places("routes", &mut policy.routes.iter().map(|route| &route.name));
        let databases = places("databases", &mut policy.databases.iter().map(|database| &database.name));
        let mut secrets = places("secrets", &mut policy.secrets.iter().map(|secret| &secret.name));
        // What is made for a database or a certificate is a Secret too.
        for (database, (_, place)) in policy.databases.iter().zip(&databases) {
            secrets.extend(super::databases::secrets_beside(database).map(|name| (Cow::Owned(name), *place)));
        }
        if self.guardrails.ingress.as_ref().is_some_and(|ingress| ingress.tls != Tls::Wildcard) {
            secrets.extend(routes.iter().map(|(name, place)| (Cow::Owned(format!("{name}-tls")), *place)));
        }
        secrets.extend(databases);
        for (what, names) in [("service", services), ("route", routes), ("secret or database", secrets)] {
            for [(first, its_place), (name, place)] in rules::reference::repeated(names) {
                let [is_made, other_is_made] = [&first, &name].map(|name| matches!(name, Cow::Owned(_)));
                let (list, index) = if other_is_made { its_place } else { place };
                let message = if is_made || other_is_made {
                    format!(
                        "`{name}` is kept for a Secret that is made for a database or a route: this needs another name"
                    )
                } else {
                    format!("more than one {what} is called `{name}`")
                };
                let place = format!("/spec/{list}/{index}/name");
                self.policy_finding(&rules::reference::DUPLICATE_NAME, place, message);
            }
        }
    }

    /// No service is called as a database's server: who connects to that tells a password.
    fn servers_apart(&mut self, databases: &[DatabaseFacts]) {
        let policy = self.policy;
        for database in databases.iter().filter(|database| database.is_own()) {
            let taken = |service: &Service| database.answers_as(&service.name);
            for (index, service) in policy.services.iter().enumerate().filter(|(_, service)| taken(service)) {
                let message = format!(
                    "the server of the database `{}` is called `{}`: a service needs another name",
                    database.name, service.name
                );
                let place = format!("/spec/services/{index}/name");
                self.policy_finding(&rules::reference::DUPLICATE_NAME, place, message);
            }
        }
    }

    /// `route`: the first that leads to it.
    fn service(
        &mut self,
        service: &'a Service,
        pointer: &str,
        preview: Preview<'_>,
        databases: &[DatabaseFacts],
        route: Option<&RouteFacts>,
        uses_hash: Option<String>,
    ) -> ServiceFacts {
        let image = self.image(&service.image, format!("{pointer}/image"), preview.pr);
        self.decisions.record(|| {
            let origin = Origin::Input(InputFile::Policy, format!("{pointer}/image"));
            let reason = "from an allowed registry, and pinned";
            Decision::new(format!("services.{}.image", service.name), origin, &*image, reason)
        });
        let hosts: Vec<&str> = self.own_hosts(&service.env).collect();
        let container = Container {
            preview,
            field: format_args!("services.{}", service.name),
            pointer,
            who: format_args!("the service"),
            env: &service.env,
            uses: &service.uses,
            env_kind: TextKind::Variable,
            service_name: Some(&service.name),
            taken: &[],
            databases: Some(databases),
            reaches: Reaches { uses: &service.uses, variables: &hosts },
        };
        let start = self.start(service, pointer);
        let run_as_user = service.run_as_user.map_or(NOBODY, UserId::get);
        let port_name = self.port_name(service, pointer);
        let http_check = service.health.as_ref().map(|path| self.health(path, &format!("{pointer}/health")));
        let tcp_check = service.port.is_some() && http_check.is_none();
        let http_check = http_check.filter(|_| service.port.is_some());
        let command = self.words(&container, &service.command, "command");
        let args = self.words(&container, &service.args, "args");
        let env = self.env(&container);
        let resources = self.resources(&container, &service.name, &service.resources);
        let tmp = Writable { name: "writable-0".into(), path: TMP.into() };
        let folders = self.writable(&service.writable, "writable", &[], pointer);
        let writable: Vec<Writable> = std::iter::once(tmp).chain(folders).collect();
        let files = self.files(service, &writable, pointer);
        ServiceFacts {
            health_headers: route.filter(|_| http_check.is_some()).map_or(Value::Null, health_headers),
            tcp_check,
            http_check,
            health_port: service.health_port.or(service.port).map(Port::get),
            start_attempts: start.div_ceil(PROBE_PERIOD),
            env,
            replicas: service.replicas.unwrap_or(1),
            resources,
            writable,
            files: files.texts,
            file_mounts: files.mounts,
            files_config_map: files.config_map,
            files_hash: files.hash,
            run_as_user,
            run_as_group: service.run_as_group.map_or(run_as_user, GroupId::get),
            uses_hash,
            name: service.name.to_string(),
            ports: ports(service, port_name),
            port: service.port.map(Port::get),
            port_name,
            image,
            command: Some(command).filter(|words: &Vec<String>| !words.is_empty()),
            args: Some(args).filter(|words: &Vec<String>| !words.is_empty()),
        }
    }

    /// What a container requests, and its limits where that is more than the profile's default. What is in neither is the `LimitRange`'s.
    pub(super) fn resources(
        &mut self,
        container: &Container<'a, '_>,
        who: &str,
        requests: &Ordered<Quantity>,
    ) -> Value {
        let profile = container.preview.profile;
        let place = |resource: &str| child(&format!("{}/resources", container.pointer), resource);
        if let Some((name, profile)) = profile {
            for (resource, message, help) in
                rules::capacity::beyond(name, &self.guardrails.profiles, profile, who, requests)
            {
                self.policy_finding(&rules::capacity::UNBOUNDED_REQUEST, place(resource), message).help = help;
            }
        }
        let limits = profile.map(|(_, profile)| own_limits(profile, requests)).unwrap_or_default();
        for (kind, amounts, reason) in [
            ("requests", requests, "within the profile; what is not asked for is the LimitRange's"),
            ("limits", &limits, "the request is more than the profile's `default`, so the limit is as high"),
        ] {
            for (resource, amount) in amounts.iter() {
                let origin = || Origin::Input(InputFile::Policy, place(resource));
                let field = || format!("{}.resources.{kind}.{resource}", container.field);
                self.decisions.record(|| Decision::new(field(), origin(), amount.to_string(), reason));
            }
        }
        if requests.is_empty() {
            return Value::Null;
        }
        let mut map = Map::with_capacity(2);
        map.push("requests", requests.to_value());
        if !limits.is_empty() {
            map.push("limits", limits.to_value());
        }
        Value::Map(map)
    }

    /// What its port is called. Istio takes the name for the protocol: as `http`, Redis or a mail server would be broken, while HTTP as
    /// `tcp` is only passed on unread.
    fn port_name(&mut self, service: &Service, pointer: &str) -> Option<&'static str> {
        let port = service.port?;
        let route = self.policy.routes.iter().position(|route| *route.service == *service.name);
        let answers = service.health.is_some() && service.health_port.is_none_or(|health| health == port);
        let name = if route.is_some() || answers { "http" } else { "tcp" };
        self.decisions.record(|| {
            let (origin, reason) = match route {
                Some(at) => (
                    Origin::Input(InputFile::Policy, format!("/spec/routes/{at}/service")),
                    "a route leads to it, so it speaks HTTP",
                ),
                None if answers => (
                    Origin::Input(InputFile::Policy, format!("{pointer}/health")),
                    "it answers to `health`, so it speaks HTTP",
                ),
                None => (Origin::BuiltIn, "no route leads to it and no `health` answers there: it may speak anything"),
            };
            Decision::new(format!("services.{}.portName", service.name), origin, name, reason)
        });
        Some(name)
    }

    /// Seconds that it may take to start. Reports what nobody can be asked for while it does.
    fn start(&mut self, service: &Service, pointer: &str) -> u64 {
        let has = [
            ("health", service.health.is_some()),
            ("healthPort", service.health_port.is_some()),
            ("startWithin", service.start_within.is_some()),
        ];
        for (field, _) in has.iter().filter(|(_, is_there)| *is_there && service.port.is_none()) {
            let message = format!("`{}` has `{field}` but no `port`, so nothing can be asked", service.name);
            self.policy_finding(&rules::input::MISSING_FIELD, format!("{pointer}/{field}"), message).help =
                Some(format!("add the `port` that answers, or leave `{field}` out"));
        }
        if service.health_port.is_some() && service.health.is_none() {
            let message = format!("`{}` has `healthPort` but no `health`, the path to ask for there", service.name);
            self.policy_finding(&rules::input::MISSING_FIELD, format!("{pointer}/healthPort"), message);
        }
        let start = service.start_within.map_or(START, |start| start.seconds);
        if start > LONGEST_START {
            let most = Duration { seconds: LONGEST_START };
            let message = format!("`startWithin` is at most `{most}`: by then Kubernetes calls the Deployment failed");
            self.policy_finding(&rules::input::INVALID_VALUE, format!("{pointer}/startWithin"), message).help =
                Some("a Deployment of `manifests` may state `progressDeadlineSeconds` beside its probes".into());
        }
        start
    }

    /// Where a probe asks: a path, whatever its expressions come to.
    fn health(&mut self, path: &InterpolatedPath, pointer: &str) -> String {
        let known = self.findings.len();
        let text = self.text(path, TextKind::Strict, || pointer.to_owned());
        if self.findings.len() == known
            && let Err(message) = InterpolatedPath::check(&text)
        {
            let message = format!("{message}: expected {}", InterpolatedPath::EXPECTED);
            let owner = self.owner_of(path, InputFile::Policy);
            self.policy_finding(&rules::input::INVALID_VALUE, pointer, message).owner = owner;
        }
        text
    }

    /// An image that comes to a registry of the guardrails and to one content only.
    pub(super) fn image(
        &mut self,
        image: &crate::expression::Interpolated,
        pointer: String,
        pr: &PullRequest,
    ) -> String {
        let known = self.findings.len();
        let text = self.text(image, TextKind::Strict, || pointer.clone());
        // Without a SHA the pull request is quarantined anyway, and a message about its tag would mislead.
        if self.findings.len() > known || pr.head_sha.is_empty() {
            return text;
        }
        let owner = self.owner_of(image, InputFile::Policy);
        self.judge_image(&text, pointer, pr, owner);
        text
    }

    /// Reports an image that comes from elsewhere, or may become another.
    pub(super) fn judge_image(&mut self, image: &str, pointer: String, pr: &PullRequest, owner: Owner) {
        if !rules::image_registry::image_allowed(image, &self.guardrails.registries) {
            let message = rules::image_registry::refusal(image, &self.guardrails.registries);
            self.policy_finding(&rules::image_registry::IMAGE_OUTSIDE_REGISTRIES, pointer.clone(), message).owner =
                owner;
        }
        if is_image(image) && !rules::image_tag::is_pinned(image, &pr.head_sha) {
            let message = rules::image_tag::refusal(image);
            let finding = self.policy_finding(&rules::image_tag::IMAGE_MUTABLE_TAG, pointer, message);
            (finding.owner, finding.help) = (owner, Some(rules::image_tag::help(image)));
        }
    }

    /// Folders that are written to, besides `/tmp`. A volume is mounted once at a place, and none over dayfly's `own`.
    pub(super) fn writable<'p>(
        &mut self,
        folders: &'p [AbsolutePath],
        volumes: &'static str,
        own: &[&str],
        pointer: &str,
    ) -> impl Iterator<Item = Writable> + use<'p> {
        let places = folders.iter().enumerate();
        let places = places.map(|(index, path)| (&**path, index)).collect();
        for [_, (path, index)] in rules::reference::repeated(places) {
            let message = format!("the folder `{}` stands twice", visible(path));
            let place = format!("{pointer}/writable/{index}");
            self.policy_finding(&rules::reference::DUPLICATE_NAME, place, message);
        }
        for (index, path) in folders.iter().enumerate() {
            if let Some(message) = rules::writable::refusal(path, own) {
                let place = format!("{pointer}/writable/{index}");
                self.policy_finding(&rules::writable::WRITABLE, place, message);
            }
        }
        folders
            .iter()
            .filter(|path| &***path != TMP)
            .zip(1..)
            .map(move |(path, number)| Writable { name: format!("{volumes}-{number}"), path: path.to_string() })
    }
}

/// Headers of a probe: it asks as people do, whose requests come through the route. Frameworks that answer to their own host only refuse
/// one that asks for the Pod's address, and those that lead plain HTTP to https lead the kubelet to a port that nobody listens on.
fn health_headers(route: &RouteFacts) -> Value {
    let header = |name: &'static str, value| Value::map([("name", Value::from(name)), ("value", value)]);
    Value::list([header("Host", Value::string(&*route.host)), header("X-Forwarded-Proto", Value::from("https"))])
}

fn ports(service: &Service, name: Option<&'static str>) -> Value {
    let (Some(port), Some(name)) = (service.port, name) else { return Value::Null };
    Value::list([Value::map([
        ("name", Value::from(name)),
        ("containerPort", Value::Int(i64::from(port.get()))),
        ("protocol", Value::from("TCP")),
    ])])
}
