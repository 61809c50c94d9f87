//! How a preview is reached: hosts, paths, and who may.

use std::num::NonZeroU8;

use crate::{
    finding::InputFile,
    input::{
        guardrails::{Access, Implementation, Ingress, RouteKind, Tls},
        policy::{Route, Service},
        scalar::{DnsLabel, Scalar as _},
    },
    objects::{self, keys},
    rules,
    value::{Map, Value},
};

use super::{
    Decision, Origin, Resolver,
    environment::{IngressFacts, Parent, PathFacts, RouteFacts, WAVES},
    names,
    texts::TextKind,
};

/// How requests come to a preview.
#[derive(Clone, Copy)]
struct Entry<'e> {
    namespace: &'e str,
    /// What the guardrails say.
    ingress: &'e Ingress,
    /// What all routes have of it.
    facts: &'e IngressFacts,
}

impl<'a> Resolver<'a> {
    pub(super) fn routes(&mut self, namespace: &str) -> (Vec<RouteFacts>, IngressFacts) {
        let policy = self.policy;
        if policy.routes.is_empty() {
            self.facts.insert("routes", Value::Map(Map::default()));
            return (Vec::new(), IngressFacts::default());
        }
        let hosts: Vec<String> = policy
            .routes
            .iter()
            .enumerate()
            .map(|(index, route)| self.host(route, &format!("/spec/routes/{index}"), namespace))
            .collect();
        // Also of a route that is refused below: that its name is known is no second mistake.
        let seen = policy.routes.iter().zip(&hosts).map(|(route, host)| {
            let facts = [("host", Value::string(host)), ("url", Value::string(url(route, host)))];
            (route.name.to_string(), Value::map(facts))
        });
        let seen = Value::map(seen);
        self.facts.insert("routes", seen);
        let Some(ingress) = &self.guardrails.ingress else {
            self.policy_finding(
                &rules::provided::NOT_PROVIDED,
                "/spec/routes",
                "the guardrails have no `ingress`, so there are no routes".into(),
            );
            return (Vec::new(), IngressFacts::default());
        };
        let facts = self.ingress(ingress);
        let entry = Entry { namespace, ingress, facts: &facts };
        let mut routes = Vec::with_capacity(policy.routes.len());
        for (index, (route, host)) in policy.routes.iter().zip(hosts).enumerate() {
            let route = self.route(route, host, &format!("/spec/routes/{index}"), entry);
            routes.extend(route.map(|route| (index, route)));
        }
        self.places_once(&routes);
        self.share_listeners(&mut routes);
        (routes.into_iter().map(|(_, route)| route).collect(), facts)
    }

    /// Two routes at one place: which of them answers, and so who is let in, would be the controller's to say.
    /// Each with its index in the policy, as below.
    fn places_once(&mut self, routes: &[(usize, RouteFacts)]) {
        let places = routes.iter().map(|(index, route)| ((&route.host, &route.path), (index, &route.name))).collect();
        for [_, ((host, path), (index, name))] in rules::reference::repeated(places) {
            let message = format!("the route `{name}` is at `{host}{path}`, where another one is");
            self.policy_finding(&rules::reference::DUPLICATE_NAME, format!("/spec/routes/{index}"), message);
        }
    }

    /// Of two listeners for one host, a Gateway takes one, and the other's routes are lost: all of a host share the first's, and its
    /// certificate. Source: Gateway API, `ListenerReasonHostnameConflict`.
    fn share_listeners(&mut self, routes: &mut [(usize, RouteFacts)]) {
        for at in 1..routes.len() {
            let (before, rest) = routes.split_at_mut(at);
            let (index, route) = &mut rest[0];
            let found = before.iter().find(|(_, first)| route.own_certificate && first.host == route.host);
            let Some((_, first)) = found else { continue };
            route.own_certificate = false;
            route.certificate.clone_from(&first.certificate);
            route.parents.clone_from(&first.parents);
            let certificate = route.certificate.clone().unwrap_or_default();
            let listener = route.parents.first().map(|parent| parent.name.clone()).unwrap_or_default();
            for (key, granted) in [("ownCertificate", "false"), ("certificate", &certificate), ("parents", &listener)] {
                let origin = Origin::Input(InputFile::Policy, format!("/spec/routes/{index}/host"));
                let why =
                    || format!("the route `{}` has the same host: its listener and certificate serve both", first.name);
                self.decisions.record(|| Decision::new(format!("routes.{}.{key}", route.name), origin, granted, why()));
            }
        }
    }

    fn ingress(&mut self, ingress: &Ingress) -> IngressFacts {
        let (gateway_namespace, gateway) =
            ingress.gateway.as_deref().and_then(|name| name.split_once('/')).unwrap_or_default();
        for (pointer, message) in rules::ingress::inconsistent(ingress) {
            self.report(&rules::ingress::INGRESS_INCOMPLETE, InputFile::Guardrails, pointer, message);
        }
        let cluster_issuer = match &ingress.tls {
            Tls::Wildcard => None,
            Tls::ClusterIssuer(name) => Some(name.to_string()),
        };
        // Of an entry point, the name that Traefik's chart has.
        let section = if ingress.kind == RouteKind::HttpRoute { "https" } else { "websecure" };
        IngressFacts {
            gateway_namespace: gateway_namespace.to_owned(),
            gateway: gateway.to_owned(),
            section: ingress.section.as_deref().unwrap_or(section).to_owned(),
            class: ingress.class.as_ref().map(ToString::to_string),
            noindex_headers: ingress.kind == RouteKind::Ingress && ingress.implementation == Implementation::Nginx,
            cluster_issuer,
            trusted_hops: ingress.trusted_hops.map(NonZeroU8::get),
            noindex_middleware: ingress.kind == RouteKind::Ingress && ingress.implementation == Implementation::Traefik,
        }
    }

    fn route(&mut self, route: &'a Route, host: String, pointer: &str, entry: Entry<'_>) -> Option<RouteFacts> {
        let ingress = entry.ingress;
        // Both are looked at, whatever is wrong with the first.
        let (access, ports) = (self.access(route, pointer, ingress), self.ports(route, pointer));
        let (access, (port, target_port)) = (access?, ports?);
        let is_http_route = ingress.kind == RouteKind::HttpRoute;
        let traefik = ingress.implementation == Implementation::Traefik;
        let envoy = ingress.implementation == Implementation::Envoy;
        let url = url(route, &host);
        // With a slash at its end, it is the same address.
        let sso = access.oauth2_proxy.as_deref().unwrap_or_default().trim_end_matches('/');
        let below_sso = |end: &str| if sso.is_empty() { String::new() } else { format!("{sso}{end}") };
        let back = match ingress.implementation {
            Implementation::Nginx => "https://$host$escaped_request_uri".to_owned(),
            _ => encoded(&url),
        };
        let cidrs: Vec<String> = access.cidrs.iter().map(|cidr| cidr.text.clone()).collect();
        let mut middlewares = Vec::new();
        if traefik && (!cidrs.is_empty() || !sso.is_empty()) {
            middlewares.push(format!("{}-access", route.name));
        }
        let path = route.path.as_deref().unwrap_or("/").to_owned();
        if let Some(message) = rules::route_path::refused(&path, ingress.implementation) {
            self.policy_finding(&rules::route_path::ROUTE_PATH, format!("{pointer}/path"), message);
        }
        let mut facts = RouteFacts {
            parents: vec![parent(route, entry)],
            own_certificate: is_http_route && ingress.tls != Tls::Wildcard,
            certificate: (ingress.tls != Tls::Wildcard).then(|| format!("{}-tls", route.name)),
            annotations: Value::Null,
            traefik_cidrs: traefik && !cidrs.is_empty(),
            traefik_sso: traefik && !sso.is_empty(),
            envoy_cidrs: envoy && !cidrs.is_empty(),
            name: route.name.to_string(),
            service: route.service.to_string(),
            access: route.access.to_string(),
            auth: below_sso("/auth"),
            sign_in: below_sso(&format!("/start?rd={back}")),
            oauth2_proxy: sso.to_owned(),
            url,
            is_ingress: !is_http_route,
            is_http_route,
            host,
            paths: paths(&path, traefik && !is_http_route),
            path,
            port,
            target_port,
            cidrs,
            middlewares,
        };
        facts.annotations = annotations(entry, &facts);
        Some(facts)
    }

    /// The ports that a route leads to: the Service's, and the Pods' behind it. A service of the policy has one for both; of
    /// any other, the route says them, and [`rules::route_port`] holds it to the manifest.
    fn ports(&mut self, route: &Route, pointer: &str) -> Option<(u16, u16)> {
        let service = self.policy.services.iter().find(|service| service.name == route.service);
        if let Some(Service { port: Some(port), name, .. }) = service {
            let mut fits = true;
            for (field, asked) in [("port", route.port), ("targetPort", route.target_port)] {
                if let Some(asked) = asked.filter(|asked| asked != port) {
                    let message = format!("the service `{name}` listens on port {port}, not on {asked}");
                    let help = format!(
                        "another port of its Pods is a Service among `manifests`, which selects `app.kubernetes.io/name: {name}`"
                    );
                    self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, format!("{pointer}/{field}"), message)
                        .help = Some(help);
                    fits = false;
                }
            }
            return fits.then_some((port.get(), port.get()));
        }
        let pointer = format!("{pointer}/service");
        match (&route.port, service) {
            (Some(port), None) if DnsLabel::parse(&route.service).is_ok() => {
                return Some((port.get(), route.target_port.unwrap_or(*port).get()));
            }
            (_, Some(service)) => {
                let message = format!("the service `{}` has no `port`, so nothing can be routed to it", service.name);
                self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, pointer, message);
            }
            (_, None) => {
                let hint = self.hint(&route.service, self.policy.services.iter().map(|service| &*service.name));
                let message = format!("there is no service `{}`{hint}", route.service);
                self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, pointer, message).help =
                    route.port.is_none().then(|| "a Service of the team's own manifests needs `port` here".into());
            }
        }
        None
    }

    /// A host is decided by the route and the namespace, and stands for no others: see [`names::host`].
    fn host(&mut self, route: &'a Route, pointer: &str, namespace: &str) -> String {
        let domain = &self.guardrails.domain;
        let pointer = format!("{pointer}/host");
        let (host, origin) = if let Some(host) = &route.host {
            let owner = self.owner_of(host, InputFile::Policy);
            let asked = host;
            let host = self.text(asked, TextKind::Strict, || pointer.clone());
            if host.is_empty()
                && asked.mentions("routes")
                && let Some(finding) = self.findings.last_mut()
            {
                finding.help = Some(rules::host::SHARED.into());
            }
            // What could not be computed was reported.
            if !host.is_empty()
                && let Err((rule, message)) = rules::host::check_host(&host, namespace, domain)
            {
                let finding = self.policy_finding(rule, pointer.clone(), message);
                finding.owner = owner;
                finding.help = Some(rules::host::HELP.into());
            }
            (host, Origin::Input(InputFile::Policy, pointer))
        } else {
            (format!("{}.{domain}", names::host(&route.name, namespace)), Origin::BuiltIn)
        };
        self.decisions.record(|| {
            let reason =
                "the route and the preview's namespace: one label below the guardrails' domain, and nobody else's";
            Decision::new(format!("routes.{}.host", route.name), origin, &*host, reason)
        });
        host
    }

    /// Who may reach a route. What cannot be enforced is refused, never left open.
    fn access(&mut self, route: &Route, pointer: &str, ingress: &Ingress) -> Option<&'a Access> {
        let guardrails = self.guardrails;
        let pointer = format!("{pointer}/access");
        let Some(access) = guardrails.access.get(&route.access) else {
            let hint = self.hint(&route.access, guardrails.access.names());
            let message = format!("the guardrails have no access `{}`{hint}", route.access);
            self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, pointer, message);
            return None;
        };
        let in_guardrails = format!("/spec/access/{}", route.access);
        if let Err(message) = rules::access::enforceable(&route.access, access, ingress) {
            self.report(&rules::access::ACCESS_NOT_ENFORCEABLE, InputFile::Guardrails, in_guardrails.clone(), message);
            return None;
        }
        self.decisions.record(|| {
            let (origin, reason) =
                (Origin::Input(InputFile::Policy, pointer), format!("defined in the guardrails, {in_guardrails}"));
            Decision::new(format!("routes.{}.access", route.name), origin, &*route.access, reason)
        });
        Some(access)
    }
}

fn url(route: &Route, host: &str) -> String {
    format!("https://{host}{}", route.path.as_deref().filter(|path| *path != "/").unwrap_or_default())
}

/// A Gateway, or what brings a certificate of its own to it.
fn parent(route: &Route, Entry { namespace, facts, .. }: Entry<'_>) -> Parent {
    if facts.cluster_issuer.is_some() {
        return Parent {
            kind: "ListenerSet",
            namespace: namespace.to_owned(),
            name: route.name.to_string(),
            section: "https".into(),
        };
    }
    let (namespace, name) = (facts.gateway_namespace.clone(), facts.gateway.clone());
    Parent { kind: "Gateway", namespace, name, section: facts.section.clone() }
}

/// A path and what is below it. Traefik takes an Ingress's prefix for the beginning of a text, `/apis` for `/api`, unless
/// `strictPrefixMatching` makes these two of it. Source: Traefik, `pkg/provider/kubernetes/ingress/kubernetes.go`.
fn paths(path: &str, traefik: bool) -> Vec<PathFacts> {
    let place = |path: String, kind| PathFacts { path, kind };
    if traefik && path != "/" {
        vec![place(path.to_owned(), "Exact"), place(format!("{path}/"), "Prefix")]
    } else {
        vec![place(path.to_owned(), "Prefix")]
    }
}

/// Traefik's priority of a path: the longer it is, the sooner it is asked. What is left to Traefik, as that of `/`, is the length of
/// the rule, by which an exact `/api` would come after the prefix `/`. No rule of a host and `/` is as long as this.
/// Source: Traefik, `pkg/muxer/http/mux.go`.
fn priority(path: &str) -> usize {
    1000 + path.len()
}

/// An Ingress says by annotations what the standard has no word for.
fn annotations(Entry { namespace, ingress, facts }: Entry<'_>, route: &RouteFacts) -> Value {
    let mut map = Map::default();
    map.push(keys::SYNC_WAVE, Value::from(WAVES.workload));
    if ingress.kind == RouteKind::Ingress {
        match ingress.implementation {
            Implementation::Traefik => {
                let all = route.middlewares.iter().map(String::as_str).chain([objects::NOINDEX_MIDDLEWARE]);
                let names: Vec<String> = all.map(|name| format!("{namespace}-{name}@kubernetescrd")).collect();
                map.push("traefik.ingress.kubernetes.io/router.middlewares", Value::string(names.join(",")));
                // Without these, a router is on every default entry point and answers plain HTTP: `spec.tls` only names
                // certificates. Source: Traefik's documentation, "Traefik & Kubernetes with Ingress", TLS.
                map.push("traefik.ingress.kubernetes.io/router.entrypoints", Value::string(&*facts.section));
                map.push("traefik.ingress.kubernetes.io/router.tls", Value::from("true"));
                if route.path != "/" {
                    let priority = Value::string(priority(&route.path).to_string());
                    map.push("traefik.ingress.kubernetes.io/router.priority", priority);
                }
            }
            Implementation::Nginx => {
                // The default of `ssl-redirect` is the controller's to change, and it asks for a certificate first. Source:
                // ingress-nginx, `redirect_to_https` in `rootfs/etc/nginx/lua/lua_ingress.lua`.
                map.push("nginx.ingress.kubernetes.io/force-ssl-redirect", Value::from("true"));
                // That ConfigMap says `noindex`; the controller must allow that header. Source: ingress-nginx,
                // `internal/ingress/annotations/customheaders/main.go`.
                map.push(
                    "nginx.ingress.kubernetes.io/custom-headers",
                    Value::string(format!("{namespace}/{}", objects::NOINDEX_HEADERS)),
                );
                if !route.cidrs.is_empty() {
                    map.push(
                        "nginx.ingress.kubernetes.io/whitelist-source-range",
                        Value::string(route.cidrs.join(",")),
                    );
                }
                if !route.auth.is_empty() {
                    map.push("nginx.ingress.kubernetes.io/auth-url", Value::string(&*route.auth));
                    map.push("nginx.ingress.kubernetes.io/auth-signin", Value::string(&*route.sign_in));
                }
            }
            Implementation::Envoy | Implementation::Standard => {}
        }
        if let Tls::ClusterIssuer(issuer) = &ingress.tls {
            map.push("cert-manager.io/cluster-issuer", Value::string(&**issuer));
        }
    }
    Value::Map(map)
}

/// As a part of a URL's query.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::{paths, priority};

    /// The route that Traefik takes for a request, of routers as it makes them of Ingresses.
    fn taken<'r>(routes: &[&'r str], request: &str, strict: bool) -> Option<&'r str> {
        let mut found: Vec<(usize, &str)> = Vec::new();
        for route in routes {
            for place in paths(route, true) {
                let path = &place.path;
                let prefix = format!("PathPrefix(`{path}`)");
                let (rule, matches) = match (place.kind, path.trim_end_matches('/')) {
                    ("Exact", _) => (format!("Path(`{path}`)"), request == path),
                    (_, bare) if strict && !bare.is_empty() => {
                        (format!("(Path(`{bare}`) || {prefix})"), request == bare || request.starts_with(path))
                    }
                    _ => (prefix, request.starts_with(path)),
                };
                let rank = if *route == "/" { format!("Host(`a`) && {rule}").len() } else { priority(route) };
                found.extend(matches.then_some((rank, *route)));
            }
        }
        found.into_iter().max().map(|(_, route)| route)
    }

    #[test]
    fn traefik_takes_whole_names_of_paths_and_the_longest_route() {
        let routes = ["/", "/a", "/a/b", "/pub"];
        for (request, route) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/ab", "/"),
            ("/a/b", "/a/b"),
            ("/a/bc", "/a"),
            ("/pub", "/pub"),
            ("/pub/x", "/pub"),
            ("/publish", "/"),
        ] {
            for strict in [false, true] {
                assert_eq!(taken(&routes, request, strict), Some(route), "{request}");
            }
        }
        assert_eq!(taken(&routes[1..], "/publish", false), None);
    }
}
