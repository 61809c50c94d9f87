//! Keys of labels and annotations that the program knows: dayfly's own, Kubernetes', and Argo CD's. Templates spell them out.

/// Label: by which dayfly's objects are known; its value is `dayfly`.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label: what an object belongs to, the policy's name.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Label: the policy's `costCenter`.
pub const COST_CENTER: &str = "dayfly.dev/cost-center";
/// Label of what is a database's: its name in the policy.
pub const DATABASE: &str = "dayfly.dev/database";
/// Label: which preview something is of, its namespace.
pub const ENVIRONMENT: &str = "dayfly.dev/environment";
/// Label: the policy's name.
pub const POLICY: &str = "dayfly.dev/policy";
/// Label: the pull request's number.
pub const PULL_REQUEST: &str = "dayfly.dev/pull-request";
/// Label: the policy's `team`.
pub const TEAM: &str = "dayfly.dev/team";

/// On the Namespace, for the admission policy (`deploy/projects/admission-policy.yaml`): the child Application that may write there, as
/// `NAMESPACE/NAME`.
pub const APPLICATION: &str = "dayfly.dev/application";
/// On the Namespace, for the same: what the child Application may not use.
pub const RESERVED: &str = "dayfly.dev/reserved";
/// On the Namespace: who opened the pull request.
pub const AUTHOR: &str = "dayfly.dev/author";
/// On the Namespace: the pull request's branch. On the Secrets of a database: the id of the branch that they lead to.
pub const BRANCH: &str = "dayfly.dev/branch";
/// On those Secrets, `true` while the branch is made anew and until it is checked.
pub const BRANCH_UNCHECKED: &str = "dayfly.dev/branch-unchecked";
/// On the Namespace: when the preview may be removed (RFC 3339).
pub const EXPIRES_AT: &str = "dayfly.dev/expires-at";
/// On the Namespace: the head's SHA, in full.
pub const HEAD_SHA: &str = "dayfly.dev/head-sha";
/// On the Namespace: the pull request's title.
pub const TITLE: &str = "dayfly.dev/title";
/// On the Namespace: `trusted`, `unknown` or `fork`.
pub const TRUST: &str = "dayfly.dev/trust";
/// On the Namespace: how long the preview lives, `48h`.
pub const TTL: &str = "dayfly.dev/ttl";
/// On the Namespace: the pull request's last activity (RFC 3339).
pub const UPDATED_AT: &str = "dayfly.dev/updated-at";
/// On the Namespace: which dayfly rendered it.
pub const VERSION: &str = "dayfly.dev/version";

/// Argo CD shows annotations that begin so as links.
pub const LINK: &str = "link.argocd.argoproj.io/";
/// On the Namespace: the pull request's page.
pub const PULL_REQUEST_LINK: &str = "link.argocd.argoproj.io/pull-request";

/// Argo CD's annotation: the wave in which an object is applied.
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// Argo CD's annotation: the phase in which an object is applied, and not as one of the Application's.
pub const HOOK: &str = "argocd.argoproj.io/hook";
/// Argo CD's annotation: when it removes a hook.
pub const HOOK_DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
/// Argo CD's annotation: which Application an object is of. Nobody else may write it.
pub const TRACKING_ID: &str = "argocd.argoproj.io/tracking-id";
