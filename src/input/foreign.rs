//! Fields as other tools call them, and what there is here instead.

use serde_json::{Map, Value as Json};

/// Of a service, of migrate and of seed: Compose, Kubernetes, Helm charts.
const OF_A_PROGRAM: [(&[&str], &str); 8] = [
    (&["environment", "envs", "variables"], "variables are `env: {NAME: value}`"),
    (
        &["envFrom", "env_file", "envFile", "secretRef", "secrets", "databases"],
        "what `uses` names is in the environment",
    ),
    (
        &["emptyDir", "tmpfs", "shm_size", "readOnlyRootFilesystem"],
        "`writable: [/data]` are folders that it may write to",
    ),
    (&["user", "securityContext"], "`runAsUser: 1000` is the user that it runs as"),
    (
        &["group", "fsGroup", "supplementalGroups", "group_add"],
        "`runAsGroup: 0` is the group whose files it reads and writes, if that has another number than its user",
    ),
    (&["requests", "limits", "cpu", "memory"], "`resources: {cpu: 250m, memory: 256Mi}` is what it requests"),
    (&["build", "dockerfile"], "an image is built by CI: `image` names it"),
    (
        &["imagePullPolicy", "pull_policy"],
        "leave it out: a tag holds the commit, and what was pulled of that once is the same for good",
    ),
];

/// Of a service alone.
const OF_A_SERVICE: [(&[&str], &str); 13] = [
    (
        &["ports", "containerPort", "containerPorts", "expose", "targetPort"],
        "`port: 8080` is the port that it listens on; a further one is a Service among `manifests`",
    ),
    (
        &["livenessProbe", "readinessProbe", "startupProbe", "healthcheck", "probe", "probes"],
        "`health: /healthz` is the path that says whether it works",
    ),
    (
        &["volumes", "volumeMounts", "persistence"],
        "`writable: [/data]` are folders that it may write to, `files: {/etc/nginx/nginx.conf: …}` the text of files that it reads; volumes that \
         stay are for a Deployment among `manifests`",
    ),
    (
        &["config", "configs", "configMap", "configMaps", "configFiles"],
        "`files: {/etc/nginx/nginx.conf: …}` is the text of files that it reads",
    ),
    (&["entrypoint", "cmd"], "`command` stands for the image's entry point, `args` for its arguments"),
    (&["host", "hosts", "hostname", "ingress", "domain", "url", "path"], "`routes`, beside `services`, lead to it"),
    (&["depends_on", "dependsOn", "links"], "services start together, once the databases are there"),
    (&["labels", "annotations"], "leave it out: dayfly sets those of its objects, and the platform may patch more"),
    (&["restart", "restartPolicy"], "leave it out: Kubernetes always starts a service again"),
    (
        &[
            "initContainers",
            "init",
            "containers",
            "sidecars",
            "lifecycle",
            "terminationGracePeriodSeconds",
            "stop_grace_period",
            "workingDir",
            "working_dir",
            "strategy",
        ],
        "a service has none: a Deployment among `manifests` may",
    ),
    (&["schedule", "cron", "cronjob"], "what runs at times is a CronJob among `manifests`"),
    (&["scale", "deploy", "autoscaling"], "`replicas: 2` are as many Pods"),
    (
        &["nodeSelector", "tolerations", "affinity", "platform", "imagePullSecrets", "serviceAccountName"],
        "leave it out: the platform says where Pods run, and with whose rights",
    ),
];

/// Of migrate and seed alone.
const OF_A_JOB: [(&[&str], &str); 1] = [(
    &["files", "config", "configs", "configMap", "configMaps", "configFiles", "volumes", "volumeMounts"],
    "only services have `files` of configuration: build this program's into its image",
)];

/// Of a policy's `spec`.
const OF_A_POLICY: [(&[&str], &str); 7] = [
    (&["ingress", "ingresses", "host", "hosts", "domain", "url", "urls"], "`routes` give services their hosts"),
    (&["containers", "deployments", "workloads", "apps"], "`services` are what runs"),
    (&["database", "db", "postgres", "mysql"], "`databases` are branches of the guardrails' baselines"),
    (&["namespace"], "the guardrails name the namespace"),
    (&["size", "tier"], "`profile: small` is how much room the preview gets"),
    (&["features", "featureFlags", "toggles"], "`flags` are the workload's feature flags"),
    (&["expires", "lifetime", "expiry", "maxAge"], "`ttl: 48h` is how long the preview lives"),
];

/// Of an application's `helm`: Helm and Argo CD.
const OF_HELM: [(&[&str], &str); 1] = [(
    &["values", "valuesObject", "set"],
    "values are `parameters: {image.tag: …}`, or stand in files below `path` that `valueFiles` names",
)];

/// What somebody may have meant by a field that is not among those of a map.
pub(super) fn advice(name: &str, fields: &Map<String, Json>) -> Option<&'static str> {
    let tables: [&[(&[&str], &str)]; 2] = match fields {
        _ if fields.contains_key("healthPort") => [&OF_A_PROGRAM, &OF_A_SERVICE],
        _ if fields.contains_key("runAsUser") => [&OF_A_PROGRAM, &OF_A_JOB],
        _ if fields.contains_key("manifests") => [&OF_A_POLICY, &[]],
        _ if fields.contains_key("valueFiles") => [&OF_HELM, &[]],
        _ => return None,
    };
    // A field of the map itself that is spelt otherwise is no other tool's.
    if fields.keys().any(|field| is_same(field, name)) {
        return None;
    }
    let mut all = tables.into_iter().flatten();
    all.find(|(names, _)| names.iter().any(|other| is_same(other, name))).map(|(_, advice)| *advice)
}

/// Whether two names differ in capital letters, `_` and `-` alone: each tool has its own way.
fn is_same(one: &str, other: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|b| !b"_-".contains(b)).map(|b| b.to_ascii_lowercase())
    }
    letters(one).eq(letters(other))
}
