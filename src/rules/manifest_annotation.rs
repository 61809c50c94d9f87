//! Metadata of a team's own manifests that would steer somebody else's machinery.

mod known;

use super::{
    Bounds,
    common::{claim_templates, finding, stated},
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    objects::{self, Object},
    value::{Value, child},
};
use known::{
    ALLOWED_ANNOTATIONS, ALLOWED_DOMAINS, ALLOWED_LABEL_DOMAINS, CHART_LABEL, REFUSED_BEGINNINGS, REFUSED_DOMAINS,
    REFUSED_LABELS,
};

/// What `check` finds in the metadata of a manifest, and of its Pods.
pub static MANIFEST_ANNOTATION: Rule = Rule {
    code: "manifest-annotation",
    severity: Severity::Error,
    summary: "a manifest's metadata steers neither Argo CD nor the platform's controllers",
    explanation: "Annotations are how many controllers take orders, and their rights are larger than a pull request's.\n\n\
        - Argo CD (`argocd.argoproj.io/…`) and Helm hooks: a hook, a wave, `Prune=false`, `Delete=false` or a tracking id \
        changes what is deployed, in which order, and what is left over. dayfly decides these.\n\
        - Ingress controllers: snippets, authentication and aliases are code, or another way around the access rules \
        (CVE-2021-25742, CVE-2025-1974). On a Service, only a few harmless annotations are taken.\n\
        - dayfly's and CloudNativePG's own labels: network policies of a preview's databases select Pods by them, and open \
        the Kubernetes API to those.\n\
        - What is known to copy, inject or exempt: replicators, agents and proxies beside a container, Vault, 1Password and \
        cloud identities, whatever else stands in the domains of clouds and platforms (`gke.io`, `openshift.io` but for `app.openshift.io`, which its console shows, `aliyun.com`, …), \
        container runtimes' own (CRI-O, containerd, Kata, crun), log shippers' inputs, additional networks, other clusters, \
        dashboards that Grafana loads, Kyverno's clean-up, `kube-score/ignore`, exceptions of linters and policies, \
        autoscalers' vetoes. This list cannot know every controller: admission control has the last word.\n\n\
        Finalizers and owner references keep a preview from being deleted, or delete something else with it. `status` and \
        the fields that the API server writes (`uid`, `resourceVersion`, …) come from an export and are never wanted. Pod \
        Security labels are the platform's.",
};

/// Fields of an object's metadata that its author may write. `generateName` is another rule's.
const METADATA: [&str; 5] = ["name", "namespace", "labels", "annotations", "generateName"];

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    if stated(&object.value, "status").is_some() {
        let message = "`status` is what controllers write; a manifest has none";
        findings.push(finding(&MANIFEST_ANNOTATION, object, "/status", message));
    }
    let kind = object.kind();
    let is_service = kind == "Service";
    if let Some(value) = object.value.get("metadata") {
        metadata(object, "/metadata", value, is_service, findings);
    }
    // Whatever its group: another rule's business.
    let template =
        objects::pod_spec(kind).and_then(|(_, spec)| spec.strip_suffix("/spec")).filter(|pods| !pods.is_empty());
    let job = (kind == "CronJob").then_some("/spec/jobTemplate");
    for above in job.into_iter().chain(template) {
        let pointer = format!("{above}/metadata");
        if let Some(value) = object.value.pointer(&pointer) {
            metadata(object, &pointer, value, is_service, findings);
        }
    }
    for (pointer, claim) in claim_templates(object) {
        if let Some(value) = claim.get("metadata") {
            metadata(object, &format!("{pointer}/metadata"), value, false, findings);
        }
    }
}

/// Checks one `metadata`: an object's, or a template's.
fn metadata(object: &Object, base: &str, metadata: &Value, is_service: bool, findings: &mut Vec<Finding>) {
    let Some(map) = metadata.as_map() else {
        let message = format!("`metadata` must be a map, not {}", metadata.kind_name());
        findings.push(finding(&MANIFEST_ANNOTATION, object, base, message));
        return;
    };
    for (field, value) in map.iter() {
        if METADATA.contains(&field) || !value.is_truthy() {
            continue;
        }
        let message = match field {
            "finalizers" => "a finalizer would keep the preview from being deleted".to_owned(),
            "ownerReferences" => "an owner reference ties the object to one that is not the preview's".to_owned(),
            _ => format!("`metadata` may have name, labels and annotations, but not `{}`", visible(field)),
        };
        findings.push(finding(&MANIFEST_ANNOTATION, object, child(base, field), message));
    }
    for (key, _) in metadata.entries_at(&["annotations"]) {
        if !annotation_allowed(key, is_service) {
            let message =
                format!("annotation `{}` is not a manifest's to set: {}", visible(key), reason(key, is_service));
            findings.push(finding(&MANIFEST_ANNOTATION, object, child(&format!("{base}/annotations"), key), message));
        }
    }
    for (key, _) in metadata.entries_at(&["labels"]) {
        if !label_allowed(key) {
            let message = format!("label `{}` is not a manifest's to set: {}", visible(key), reason(key, false));
            findings.push(finding(&MANIFEST_ANNOTATION, object, child(&format!("{base}/labels"), key), message));
        }
    }
}

fn annotation_allowed(key: &str, is_service: bool) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return !(is_kubernetes(key) || is_refused(key)) };
    if ALLOWED_ANNOTATIONS.contains(&key) || ALLOWED_DOMAINS.contains(&domain) {
        return true;
    }
    !(is_service || is_kubernetes(domain) || is_refused(domain))
}

fn label_allowed(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else {
        return !(REFUSED_LABELS.contains(&key) || is_kubernetes(key) || is_refused(key));
    };
    key == CHART_LABEL || ALLOWED_LABEL_DOMAINS.contains(&domain) || !(is_kubernetes(domain) || is_refused(domain))
}

fn is_kubernetes(domain: &str) -> bool {
    let own = ["kubernetes.io", "k8s.io", "x-k8s.io"];
    own.iter().any(|own| is_below(domain, own)) || domain.ends_with(".k8s.aws")
}

/// Of a key without a domain, the whole key: some controllers read `devices.crio.io` and no more.
fn is_refused(domain: &str) -> bool {
    REFUSED_DOMAINS.iter().any(|refused| is_below(domain, refused))
        || REFUSED_BEGINNINGS.iter().any(|refused| domain.starts_with(refused))
}

/// Whether a domain is another, or below it.
fn is_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Why a key isn't allowed.
fn reason(key: &str, is_service: bool) -> &'static str {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    if is_below(domain, "argoproj.io") || is_below(domain, "helm.sh") {
        "hooks, waves and pruning are dayfly's"
    } else if is_below(domain, "dayfly.dev") || is_below(domain, "cnpg.io") {
        "network policies select Pods by it"
    } else if domain == "pod-security.kubernetes.io" {
        "the namespace says how strict it is"
    } else if domain.starts_with("cleanup.") || domain.starts_with("kube-score") {
        "clean-up and checks are the platform's"
    } else if is_service {
        "it steers what answers requests"
    } else {
        "it steers one of the platform's controllers"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::common::test::{below, found, manifest, places};

    fn check(json: &Json) -> Vec<String> {
        places(&found(super::check, &manifest(json)))
    }

    #[test]
    fn annotations() {
        let cases = [
            ("ConfigMap", "note", true),
            ("ConfigMap", "acme.dev/note", true),
            ("Deployment", "prometheus.io/scrape", true),
            ("Deployment", "kubernetes.io/description", true),
            ("Deployment", "argocd.argoproj.io/hook", false),
            ("Deployment", "argocd.argoproj.io/sync-options", false),
            ("Deployment", "argocd.argoproj.io/tracking-id", false),
            ("Deployment", "argocd.argoproj.io/sync-wave", false),
            ("Deployment", "notargoproj.io/x", true),
            ("Job", "helm.sh/hook", false),
            ("Deployment", "cleanup.kyverno.io/ttl", false),
            ("Deployment", "kube-score/ignore", false),
            ("ConfigMap", "replicator.v1.mittwald.de/replicate-from", false),
            ("Deployment", "vault.hashicorp.com/agent-inject", false),
            ("Deployment", "instrumentation.opentelemetry.io/inject-java", false),
            ("Deployment", "dapr.io/enabled", false),
            ("ConfigMap", "kubed.appscode.com/sync", false),
            ("Deployment", "k8s.v1.cni.cncf.io/networks", false),
            ("Deployment", "seccomp.security.alpha.kubernetes.io/pod", false),
            ("Deployment", "cluster-autoscaler.kubernetes.io/safe-to-evict", false),
            ("Deployment", "io.kubernetes.cri-o.Devices", false),
            ("Deployment", "io.kubernetes.cri-o.seccompProfile/web", false),
            ("Deployment", "devices.crio.io", false),
            ("Deployment", "io.katacontainers.config.hypervisor.path", false),
            ("Deployment", "run.oci.keep_original_groups", false),
            ("Deployment", "org.systemd.property.CPUWeight", false),
            ("Deployment", "networkservicemesh.io", false),
            ("Deployment", "co.elastic.logs/raw", false),
            ("Deployment", "operator.1password.io/item-path", false),
            ("Deployment", "io.acme.note", true),
            ("Deployment", "v1.multus-cni.io/default-network", false),
            ("Deployment", "networking.gke.io/interfaces", false),
            ("Deployment", "networking.gke.io/default-interface", false),
            ("Deployment", "iam.gke.io/x", false),
            ("Deployment", "image.openshift.io/triggers", false),
            ("ConfigMap", "service.beta.openshift.io/inject-cabundle", false),
            ("Deployment", "app.openshift.io/vcs-uri", true),
            ("Service", "app.openshift.io/vcs-uri", true),
            ("Deployment", "k8s.aliyun.com/eci-ram-role-name", false),
            ("Deployment", "network.alibabacloud.com/security-group-ids", false),
            ("Deployment", "tke.cloud.tencent.com/networks", false),
            ("Deployment", "vault.hashicorp.com/role", false),
            ("Deployment", "admission.stackrox.io/break-glass", false),
            ("Deployment", "multicluster.admiralty.io/elect", false),
            ("Deployment", "skupper.io/proxy", false),
            ("Deployment", "akeyless/enabled", false),
            ("Deployment", "downscaler/exclude", false),
            ("Deployment", "kueue.x-k8s.io/queue-name", false),
            ("Deployment", "notx-k8s.io/a", true),
            ("PersistentVolumeClaim", "nfs.io/storage-path", false),
            ("PersistentVolumeClaim", "trident.netapp.io/cloneFromPVC", false),
            ("PersistentVolumeClaim", "cdi.kubevirt.io/storage.import.endpoint", false),
            ("Service", "io.kubernetes.cri-o.Devices", false),
            ("Service", "traefik.ingress.kubernetes.io/service.sticky.cookie", false),
            ("Service", "external-dns.alpha.kubernetes.io/hostname", false),
            ("Service", "prometheus.io/port", true),
            ("Service", "acme.dev/anything", false),
        ];
        for (kind, key, allowed) in cases {
            let found = check(&json!({"kind": kind, "metadata": {"name": "a", "annotations": {key: "x"}}}));
            let pointer = format!("manifest-annotation /metadata/annotations/{}", key.replace('/', "~1"));
            assert_eq!(found, if allowed { vec![] } else { vec![pointer] }, "{kind} {key}");
        }
    }

    #[test]
    fn labels() {
        let cases = [
            ("app", true),
            ("app.kubernetes.io/name", true),
            ("helm.sh/chart", true),
            ("helm.sh/hook", false),
            ("acme.dev/team", true),
            ("pod-security.kubernetes.io/enforce", false),
            ("argocd.argoproj.io/instance", false),
            ("azure.workload.identity/use", false),
            ("sidecar.istio.io/inject", false),
            ("dayfly.dev/database-job", false),
            ("cnpg.io/cluster", false),
            ("grafana_dashboard", false),
            ("aadpodidbinding", false),
            ("co.elastic.logs/enabled", false),
            ("app.openshift.io/runtime", true),
            ("config.openshift.io/inject-trusted-cabundle", false),
            ("alibabacloud.com/eci", false),
            ("virtual-kubelet.io/burst-to-cci", false),
            ("io.cilium.k8s.policy.serviceaccount", false),
            ("io.kubernetes.pod.namespace", false),
        ];
        for (key, allowed) in cases {
            let json = json!({"kind": "Deployment", "spec": {"template": {"metadata": {"labels": {key: "x"}}}}});
            let pointer = format!("manifest-annotation /spec/template/metadata/labels/{}", key.replace('/', "~1"));
            assert_eq!(check(&json), if allowed { vec![] } else { vec![pointer] }, "{key}");
        }
    }

    #[test]
    fn fields() {
        let cases = [
            (json!({"kind": "Job", "metadata": {"creationTimestamp": null, "finalizers": []}, "status": null}), vec![]),
            (json!({"kind": "Job", "status": {}}), vec!["/status"]),
            (json!({"kind": "Job", "metadata": {"finalizers": ["a/b"]}}), vec!["/metadata/finalizers"]),
            (
                json!({"kind": "Job", "metadata": {"ownerReferences": [{}], "uid": "x"}}),
                vec!["/metadata/ownerReferences", "/metadata/uid"],
            ),
            (json!({"kind": "Job", "metadata": []}), vec!["/metadata"]),
            (
                json!({"kind": "CronJob", "spec": {"jobTemplate": {"metadata": {"annotations": {"helm.sh/hook": "x"}},
                    "spec": {"template": {"metadata": {"finalizers": ["x/y"]}}}}}}),
                vec![
                    "/spec/jobTemplate/metadata/annotations/helm.sh~1hook",
                    "/spec/jobTemplate/spec/template/metadata/finalizers",
                ],
            ),
            (
                json!({"kind": "StatefulSet", "spec": {"volumeClaimTemplates": [{"metadata": {"finalizers": ["x/y"]}}]}}),
                vec!["/spec/volumeClaimTemplates/0/metadata/finalizers"],
            ),
            (
                json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {"volumes": [{"name": "a"}, {"ephemeral":
                    {"volumeClaimTemplate": {"metadata": {"labels": {"dayfly.dev/x": "y"}, "annotations": {"argocd.argoproj.io/hook": "x"}}}}}]}}}}),
                vec![
                    "/spec/template/spec/volumes/1/ephemeral/volumeClaimTemplate/metadata/annotations/argocd.argoproj.io~1hook",
                    "/spec/template/spec/volumes/1/ephemeral/volumeClaimTemplate/metadata/labels/dayfly.dev~1x",
                ],
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(check(&json), below("manifest-annotation ", &expected), "{json}");
        }
    }
}
