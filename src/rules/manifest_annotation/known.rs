//! Whose annotations and labels are orders to a controller, and which of them are taken all the same.

/// Domains, with all that is below them, whose annotations and labels are orders.
pub(super) const REFUSED_DOMAINS: &[&str] = &[
    "dayfly.dev",
    "cnpg.io",
    "argoproj.io",
    "helm.sh",
    "kyverno.io",
    "gatekeeper.sh",
    "sigstore.dev",
    "kube-score",
    "kube-linter.io",
    "fairwinds.com",
    "checkov.io",
    "aquasecurity.github.io",
    "nginx.org",
    "nginx.com",
    "traefik.io",
    "konghq.com",
    "haproxy.org",
    "haproxy-ingress.github.io",
    "projectcontour.io",
    "solo.io",
    "cert-manager.io",
    "external-secrets.io",
    "mittwald.de",
    "emberstack.com",
    "bank-vaults.io",
    "1password.io",
    "conjur.org",
    "hashicorp.com",
    "amazonaws.com",
    "workload.identity",
    "crio.io",
    "cri-o.io",
    "cncf.io",
    "networkservicemesh.io",
    "antrea.io",
    "spidernet.io",
    "projectcalico.org",
    "cilium.io",
    "ovn.org",
    "istio.io",
    "linkerd.io",
    "karpenter.sh",
    "opentelemetry.io",
    "dapr.io",
    "jaegertracing.io",
    "datadoghq.com",
    "dynatrace.com",
    "newrelic.com",
    "instana.io",
    "elastic.co",
    "fluentbit.io",
    "k8tz.io",
    "kuma.io",
    "openservicemesh.io",
    "spiffe.io",
    "gke.io",
    "gke-gcsfuse",
    "banzaicloud.io",
    "stakater.com",
    "appscode.com",
    "fluxcd.io",
    "keel.sh",
    "keda.sh",
    "velero.io",
    "k8up.io",
    "crossplane.io",
    // Clouds: identities, networks, machines of their own.
    "cloud.google.com",
    "azure.com",
    "aliyun.com",
    "alibabacloud.com",
    "tencent.com",
    "huawei.com",
    "yangtse.io",
    "volcengine.com",
    "baidubce.com",
    "oraclecloud.com",
    "virtual-kubelet.io",
    // Platforms: images that are put in place of others, authorities, objects that are pruned.
    "openshift.io",
    "cattle.io",
    "vmware.com",
    // Networks, and ways out of the cluster.
    "multus-cni.io",
    "tailscale.com",
    "skupper.io",
    "getambassador.io",
    "submariner.io",
    // Other clusters.
    "admiralty.io",
    "liqo.io",
    "karmada.io",
    "open-cluster-management.io",
    // Secrets, and who copies them.
    "doppler.com",
    "infisical.com",
    "akeyless",
    "cyberark.com",
    "clustersecret.io",
    // Exceptions of scanners and policies.
    "stackrox.io",
    "kubewarden.io",
    "aquasec.com",
    "sysdig.com",
    "neuvector.com",
    "snyk.io",
    "kubescape.io",
    // What is logged, and what is not.
    "splunk.com",
    "sumologic.com",
    "vector.dev",
    // Autoscalers and schedulers.
    "downscaler",
    "cast.ai",
    "spotinst.io",
    "koordinator.sh",
    "volcano.sh",
    "kruise.io",
    "pusher.com",
    // Of claims: Trident's `cloneFromPVC`, CDI's imports, paths on a file server, copies elsewhere.
    "netapp.io",
    "kubevirt.io",
    "nfs.io",
    "longhorn.io",
    "openebs.io",
    "portworx.io",
    "backube",
];

/// How keys begin that are orders to a container runtime or to an agent, which reads files of the node: with a domain written backwards.
pub(super) const REFUSED_BEGINNINGS: [&str; 8] = [
    // What Cilium's policies select by is put beside a Pod's own labels (CVE-2023-39347).
    "io.cilium.",
    "io.kubernetes.",
    "io.containerd.",
    "io.katacontainers.",
    "run.oci.",
    "org.systemd.property.",
    "module.wasm.image",
    "co.elastic.",
];

/// Labels without a domain that have a controller copy what bears them, or give it a cloud's identity.
pub(super) const REFUSED_LABELS: [&str; 5] =
    ["grafana_dashboard", "grafana_datasource", "grafana_alert", "grafana_notifier", "aadpodidbinding"];

/// What may be said in Kubernetes' own domains, `kubernetes.io`, `k8s.io` and `x-k8s.io`, and in those that are refused.
pub(super) const ALLOWED_ANNOTATIONS: [&str; 5] = [
    "kubernetes.io/change-cause",
    "kubernetes.io/description",
    "kubectl.kubernetes.io/default-container",
    "kubectl.kubernetes.io/default-logs-container",
    "kubectl.kubernetes.io/restartedAt",
];

/// Domains whose annotations anything may have, Services too.
pub(super) const ALLOWED_DOMAINS: [&str; 3] = ["prometheus.io", "app.kubernetes.io", SHOWN_DOMAIN];

/// What OpenShift's console draws its picture of.
pub(super) const SHOWN_DOMAIN: &str = "app.openshift.io";

/// What `helm template` says of all that it renders, and nobody takes for an order.
pub(super) const CHART_LABEL: &str = "helm.sh/chart";

/// Labels of Kubernetes' own domains that a team may set.
pub(super) const ALLOWED_LABEL_DOMAINS: [&str; 4] =
    ["app.kubernetes.io", "kubernetes.io", "batch.kubernetes.io", SHOWN_DOMAIN];
