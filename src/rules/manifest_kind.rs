//! A closed list of what a team's own manifests may be.

use super::{
    Bounds,
    common::{finding, stated},
};
use crate::{
    finding::{Finding, Rule, Severity, meant, visible},
    objects::{Object, Origin},
    value::{Value, child},
};

/// What `check` finds: a list of what may be there, not of what may not.
pub static MANIFEST_KIND: Rule = Rule {
    code: "manifest-kind",
    severity: Severity::Error,
    summary: "a manifest is a workload, or something that serves one",
    explanation: "A pull request writes its manifests itself, so only kinds that cannot change what the preview is allowed \
        are taken: `ConfigMap`, `Service`, `PersistentVolumeClaim`, `Deployment`, `StatefulSet`, `Job`, `CronJob`, \
        `HorizontalPodAutoscaler` and `PodDisruptionBudget`, in the versions that this list of rules knows.\n\n\
        Everything else is refused, whatever it is. RBAC gives rights. Network policies add up: one more of them can only \
        open. Quotas, limit ranges and policies are the platform's word. A `Secret` belongs in the secret store: name it \
        under `secrets`. Argo CD's own kinds deploy elsewhere. A bare `Pod` isn't replaced, a `DaemonSet` runs on every \
        node. What is not in a namespace is everybody's.\n\n\
        At the top, an object has its kind's own fields and no others. Below, only what matters for safety and for starting is \
        checked: whatever else is misspelled there, the API server refuses, and Argo CD shows it. It needs a fixed `metadata.name`: Argo CD makes a new object of a \
        `generateName` with every sync. Only the name of a `Job` whose image holds an expression holds one, too: Kubernetes takes no \
        other image for a Job that is there, so `load-${{ pr.headShortSha7 }}` is a new one with every push. The `ConfigMap`s `kube-root-ca.crt` and `openshift-service-ca.crt` are the cluster's own.",
};

/// In the one version whose fields the other rules know.
const ALLOWED: [(&str, &str); 9] = [
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
];

/// The kinds that a manifest may be.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(_, kind)| *kind)
}

/// `ConfigMaps` with the authorities that a namespace's Pods trust; who else writes them is at odds with a controller for ever.
const CLUSTERS_OWN: [&str; 2] = ["kube-root-ca.crt", "openshift-service-ca.crt"];

/// Fields that every kind has; of `status` and `items` other rules speak.
const COMMON: [&str; 5] = ["apiVersion", "kind", "metadata", "status", "items"];

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let version = object.value.str_at(&["apiVersion"]).unwrap_or_default();
    let kind = object.kind();
    if kind.is_empty() {
        let message = "the document has no `kind`: it is no Kubernetes object";
        let help = file_of_others(object).map(str::to_owned);
        findings.push(Finding { help, ..finding(&MANIFEST_KIND, object, "/kind", message) });
        return;
    }
    if version.is_empty() {
        findings.push(finding(&MANIFEST_KIND, object, "/apiVersion", format!("{} has no `apiVersion`", named(kind))));
        return;
    }
    if !ALLOWED.contains(&(version, kind)) {
        let other = ALLOWED.iter().find(|(known, name)| *name == kind && group(known) == group(version));
        let (pointer, message) = match other {
            Some((known, _)) => {
                ("/apiVersion", format!("{} of `{}` is not allowed: use `{known}`", named(kind), visible(version)))
            }
            None => (
                "/kind",
                format!("{} of `{}` is not allowed{}", named(kind), visible(version), unlisted(version, kind)),
            ),
        };
        let allowed = ALLOWED.map(|(_, kind)| kind).join(", ");
        findings.push(finding(&MANIFEST_KIND, object, pointer, message).help(format!("manifests may be {allowed}")));
        return;
    }
    let fields: &[&str] = if kind == "ConfigMap" { &["data", "binaryData", "immutable"] } else { &["spec"] };
    for (field, value) in object.value.entries() {
        if *value != Value::Null && !COMMON.contains(&field) && !fields.contains(&field) {
            let message = format!("{} has no field `{}`", named(kind), visible(field));
            let help =
                format!("its own are {}", fields.iter().map(|field| named(field)).collect::<Vec<_>>().join(", "));
            findings.push(finding(&MANIFEST_KIND, object, child("", field), message).help(help));
        }
    }
    if let Some(metadata) = object.value.get("metadata")
        && stated(metadata, "generateName").is_some()
    {
        let message = format!("{} has a `generateName`: every sync would make another one", named(kind));
        findings.push(finding(&MANIFEST_KIND, object, "/metadata/generateName", message).help("give it a `name`"));
    } else if let Some(name) = object.value.pointer("/metadata/name")
        && !matches!(name, Value::Null | Value::String(_))
    {
        let message = format!("the name of {} is {}, expected a string", named(kind), name.kind_name());
        let found = finding(&MANIFEST_KIND, object, "/metadata/name", message);
        // As Kubernetes reads `on`, `y` and `1`.
        let is_plain = !matches!(name, Value::List(_) | Value::Map(_));
        findings.push(if is_plain { found.help("put it in quotes") } else { found });
    } else if object.name().is_empty() {
        findings.push(finding(&MANIFEST_KIND, object, "/metadata/name", format!("{} has no name", named(kind))));
    } else if kind == "ConfigMap" && CLUSTERS_OWN.contains(&object.name()) {
        let message = format!("{} is made by the cluster in every namespace", named(object.name()));
        findings.push(finding(&MANIFEST_KIND, object, "/metadata/name", message).help("give yours another name"));
    }
}

fn named(kind: &str) -> String {
    format!("`{}`", visible(kind))
}

fn group(version: &str) -> &str {
    version.split_once('/').map_or("", |(group, _)| group)
}

/// What to say of what is not in the list: what was meant, if that can be made out.
fn unlisted(version: &str, kind: &str) -> String {
    let why = reason(group(version), kind);
    if why != UNLISTED {
        return format!(": {why}");
    }
    // Groups of others have a dot in their name.
    let is_own = !group(version).contains('.');
    let elsewhere = ALLOWED.iter().find(|(_, name)| *name == kind && is_own);
    if let Some((known, _)) = elsewhere {
        return format!(": use `{known}`");
    }
    // As somebody wrote it who had it from memory, or from years ago.
    let refused = REFUSED.iter().find(|(_, name)| is_own && name.eq_ignore_ascii_case(kind));
    if let Some((group, name)) = refused {
        return format!(": {}", reason(group, name));
    }
    let in_group = ALLOWED.iter().filter(|(known, _)| group(known) == group(version)).map(|(_, kind)| *kind);
    meant(kind, in_group).unwrap_or_else(|| format!(": {UNLISTED}"))
}

/// What a file is by its name that holds no object, and where that belongs.
fn file_of_others(object: &Object) -> Option<&'static str> {
    let Origin::Manifest { file, .. } = &object.origin else { return None };
    let name = file.rsplit('/').next().unwrap_or_default();
    // With the name of an environment, too: `values-prod.yaml`, `compose.override.yaml`.
    let stem = name.split('.').next().unwrap_or_default();
    let is = |known: &str| stem.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    Some(match stem {
        "kustomization" | "Kustomization" => KUSTOMIZE,
        _ if stem == "Chart" || is("values") => "it is a Helm chart's: `application` renders charts",
        _ if is("docker-compose") || is("compose") => "what Compose runs is written as `services` of the policy",
        _ => return None,
    })
}

const KUSTOMIZE: &str = "it is Kustomize's: name the manifests themselves, or have `application` run Kustomize";

/// Of a kind about which there is nothing more to say.
const UNLISTED: &str = "it is not on the list of kinds";

/// Kubernetes' own kinds of which there is more to say, each in the group where that is found.
const REFUSED: [(&str, &str); 17] = [
    ("", "Secret"),
    ("", "Pod"),
    ("", "ReplicationController"),
    ("apps", "ReplicaSet"),
    ("apps", "DaemonSet"),
    ("", "Namespace"),
    ("", "ServiceAccount"),
    ("", "ResourceQuota"),
    ("", "LimitRange"),
    ("", "Endpoints"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("networking.k8s.io", "Ingress"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("storage.k8s.io", "StorageClass"),
];

/// Why a kind isn't in the list.
fn reason(group: &str, kind: &str) -> &'static str {
    match (group, kind) {
        (_, kind) if kind.ends_with("List") => "write its items as documents of their own",
        ("", "Secret") => "secrets come from the secret store: name them under `secrets`",
        ("", "Pod" | "ReplicationController") | ("apps", "ReplicaSet") => "use a Deployment, a StatefulSet or a Job",
        ("apps", "DaemonSet") => "it would run on every node",
        ("", "Namespace") => "the preview has one, and it is dayfly's",
        ("", "ServiceAccount") => "Pods use the preview's own",
        ("", "ResourceQuota" | "LimitRange") => "the profile sets what the preview may use",
        ("", "Endpoints") | ("discovery.k8s.io", _) => "it could send requests anywhere",
        ("rbac.authorization.k8s.io", _) => "it gives rights",
        ("networking.k8s.io", "NetworkPolicy") | ("cilium.io" | "crd.projectcalico.org" | "projectcalico.org", _) => {
            "network policies add up, and one more can only open: name destinations under `egress`"
        }
        ("networking.k8s.io" | "gateway.networking.k8s.io", _) => {
            "it would be a way in that `access` does not hold: name it under `routes`"
        }
        ("external-secrets.io" | "generators.external-secrets.io", _) => "name secrets under `secrets`",
        ("argoproj.io", _) => "it would deploy elsewhere",
        ("kustomize.config.k8s.io", _) => KUSTOMIZE,
        (
            "kyverno.io" | "templates.gatekeeper.sh" | "constraints.gatekeeper.sh" | "admissionregistration.k8s.io",
            _,
        ) => "policies are the platform's",
        ("apiextensions.k8s.io" | "apiregistration.k8s.io" | "storage.k8s.io" | "scheduling.k8s.io", _)
        | ("", "Node" | "PersistentVolume") => "it is the whole cluster's",
        _ => UNLISTED,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{
        objects::{Object, Origin},
        rules::common::test::{found, manifest, places},
    };

    #[test]
    fn only_listed_kinds_pass() {
        let cases = [
            ("v1", "ConfigMap", ""),
            ("apps/v1", "StatefulSet", ""),
            ("gateway.networking.k8s.io/v1", "HTTPRoute", "manifest-kind /kind"),
            ("networking.k8s.io/v1", "Ingress", "manifest-kind /kind"),
            ("apps/v1beta1", "Deployment", "manifest-kind /apiVersion"),
            ("apps/v1/x", "Deployment", "manifest-kind /apiVersion"),
            ("", "ConfigMap", "manifest-kind /apiVersion"),
            ("v1", "", "manifest-kind /kind"),
            ("apps/v1", "ConfigMap", "manifest-kind /kind"),
            ("v1", "Secret", "manifest-kind /kind"),
            ("v1", "List", "manifest-kind /kind"),
            ("v1", "ConfigMapList", "manifest-kind /kind"),
            ("v1", "Pod", "manifest-kind /kind"),
            ("v1", "Namespace", "manifest-kind /kind"),
            ("v1", "ServiceAccount", "manifest-kind /kind"),
            ("v1", "LimitRange", "manifest-kind /kind"),
            ("discovery.k8s.io/v1", "EndpointSlice", "manifest-kind /kind"),
            ("apps/v1", "DaemonSet", "manifest-kind /kind"),
            ("rbac.authorization.k8s.io/v1", "Role", "manifest-kind /kind"),
            ("networking.k8s.io/v1", "NetworkPolicy", "manifest-kind /kind"),
            ("networking.k8s.io/v1", "IngressClass", "manifest-kind /kind"),
            ("gateway.networking.k8s.io/v1", "Gateway", "manifest-kind /kind"),
            ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "manifest-kind /kind"),
            ("argoproj.io/v1alpha1", "Application", "manifest-kind /kind"),
            ("external-secrets.io/v1", "ExternalSecret", "manifest-kind /kind"),
            ("kyverno.io/v1", "Policy", "manifest-kind /kind"),
            ("acme.dev/v1", "Deployment", "manifest-kind /kind"),
        ];
        for (version, kind, expected) in cases {
            let json = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "web"}});
            let findings = found(super::check, &manifest(&json));
            assert_eq!(places(&findings).join(" "), expected, "{version} {kind}");
        }
    }

    #[test]
    fn what_was_meant_is_told() {
        for (version, kind, expected) in [
            ("apps/v1", "Deploymnet", "`Deploymnet` of `apps/v1` is not allowed: did you mean `Deployment`?"),
            ("apps/v1", "deployment", "`deployment` of `apps/v1` is not allowed: did you mean `Deployment`?"),
            ("app/v1", "Deployment", "`Deployment` of `app/v1` is not allowed: use `apps/v1`"),
            ("v1", "Deployment", "`Deployment` of `v1` is not allowed: use `apps/v1`"),
            ("apps/v1", "Service", "`Service` of `apps/v1` is not allowed: use `v1`"),
            (
                "v1",
                "secret",
                "`secret` of `v1` is not allowed: secrets come from the secret store: name them under `secrets`",
            ),
            ("v1", "pod", "`pod` of `v1` is not allowed: use a Deployment, a StatefulSet or a Job"),
            (
                "extensions/v1beta1",
                "DaemonSet",
                "`DaemonSet` of `extensions/v1beta1` is not allowed: it would run on every node",
            ),
            (
                "v1",
                "Ingress",
                "`Ingress` of `v1` is not allowed: it would be a way in that `access` does not hold: name it under `routes`",
            ),
            ("acme.dev/v1", "Ingress", "`Ingress` of `acme.dev/v1` is not allowed: it is not on the list of kinds"),
            (
                "serving.knative.dev/v1",
                "Service",
                "`Service` of `serving.knative.dev/v1` is not allowed: it is not on the list of kinds",
            ),
            (
                "kustomize.config.k8s.io/v1beta1",
                "Kustomization",
                "`Kustomization` of `kustomize.config.k8s.io/v1beta1` is not allowed: it is Kustomize's: name the \
                 manifests themselves, or have `application` run Kustomize",
            ),
        ] {
            let json = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "web"}});
            let [one] = found(super::check, &manifest(&json)).try_into().expect("one finding");
            assert_eq!(one.message, expected);
        }
    }

    #[test]
    fn a_reason_is_known_for_each_that_is_refused() {
        for (group, kind) in super::REFUSED {
            assert_ne!(super::reason(group, kind), super::UNLISTED, "{kind} of {group}");
        }
    }

    #[test]
    fn files_of_other_programs_are_called_so() {
        for (file, expected) in [
            ("deploy/kustomization.yaml", Some("it is Kustomize's: ")),
            ("Chart.yaml", Some("it is a Helm chart's: ")),
            ("values.yml", Some("it is a Helm chart's: ")),
            ("a/docker-compose.yaml", Some("what Compose runs ")),
            ("values-prod.yaml", Some("it is a Helm chart's: ")),
            ("values.prod.yaml", Some("it is a Helm chart's: ")),
            ("docker-compose.prod.yml", Some("what Compose runs ")),
            ("compose-prod.yml", Some("what Compose runs ")),
            ("our-values.yaml", None),
            ("valuesofours.yaml", None),
            ("Chart-of-ours.yaml", None),
        ] {
            let origin = Origin::Manifest { file: file.into(), line: 1 };
            let object = Object { origin, ..manifest(&json!({"resources": ["a.yaml"]})) };
            let [one] = found(super::check, &object).try_into().expect("one finding");
            let help = one.help.as_deref();
            assert!(
                help.zip(expected)
                    .map_or(help.is_none() && expected.is_none(), |(help, start)| help.starts_with(start)),
                "{file}: {help:?}"
            );
        }
    }

    #[test]
    fn objects_have_their_own_fields_only() {
        for (kind, field, expected) in [
            ("ConfigMap", "data", ""),
            ("ConfigMap", "binaryData", ""),
            ("ConfigMap", "spec", "manifest-kind /spec"),
            ("Service", "spec", ""),
            ("Service", "data", "manifest-kind /data"),
            ("Service", "a/b", "manifest-kind /a~1b"),
        ] {
            let json = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "web"}, field: {}, "x": null});
            let findings = found(super::check, &manifest(&json));
            assert_eq!(places(&findings).join(" "), expected, "{kind} {field}");
        }
    }

    #[test]
    fn names_are_fixed() {
        let cases = [
            (json!({"name": "web", "generateName": null}), ""),
            (json!({"name": "web", "generateName": "web-"}), "manifest-kind /metadata/generateName"),
            (json!({"generateName": "web-"}), "manifest-kind /metadata/generateName"),
            (json!({}), "manifest-kind /metadata/name"),
            (json!({"name": ""}), "manifest-kind /metadata/name"),
            (json!({"name": null}), "manifest-kind /metadata/name"),
            (json!({"name": 7}), "manifest-kind /metadata/name"),
        ];
        for (metadata, expected) in cases {
            let object = manifest(&json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata}));
            let findings = found(super::check, &object);
            assert_eq!(places(&findings).join(" "), expected, "{metadata}");
            assert!(findings.iter().all(|f| f.owner == crate::finding::Owner::Team));
        }
        for (name, message, help) in [
            (json!(null), "`Service` has no name", None),
            (json!(true), "the name of `Service` is a boolean, expected a string", Some("put it in quotes")),
            (json!(1), "the name of `Service` is a number, expected a string", Some("put it in quotes")),
            (json!(["x"]), "the name of `Service` is a list, expected a string", None),
        ] {
            let object = manifest(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}));
            let findings = found(super::check, &object);
            assert_eq!((&*findings[0].message, findings[0].help.as_deref()), (message, help));
        }
    }
}
