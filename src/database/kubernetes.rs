//! The few calls to the Kubernetes API: Secrets of a preview, and which previews exist. Only from inside a cluster, as the
//! Pod's own ServiceAccount.

use std::{fmt, path::Path};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Client, Method, StatusCode, header, redirect};
use rustls::ClientConfig;
use serde_json::{Value, json};

use super::{http::part, log::Log, retry::Pauses, tls};
use crate::objects::keys;

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// A cluster's API, as the Pod's own account.
pub struct Kubernetes {
    client: Client,
    base: String,
    token: String,
    log: Log,
}

/// A Secret's data, annotations and labels.
pub struct Secret {
    /// The uid of what it belongs to, as the API server tells it.
    pub owner: Option<String>,
    /// Keys and values, decoded.
    pub data: Vec<(String, String)>,
    /// `metadata.annotations`, an object or null.
    pub annotations: Value,
    /// `metadata.labels`, an object or null.
    pub labels: Value,
}

/// Whether a Secret with these labels is one that dayfly wrote for this environment, which is its namespace.
pub fn is_ours(labels: &Value, environment: &str) -> bool {
    labels[keys::MANAGED_BY] == "dayfly" && labels[keys::ENVIRONMENT] == environment
}

/// Whether this process runs in a Pod.
pub fn is_inside() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// A client for the cluster's own API, which is never behind the proxy that a provider's is (`HTTPS_PROXY`).
fn client(tls: ClientConfig) -> Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(30))
        .no_proxy()
        .build()
        .context("no HTTP client can be made")
}

impl Kubernetes {
    /// The cluster that this Pod runs in.
    pub fn inside(log: &Log) -> Result<Self> {
        let host = std::env::var("KUBERNETES_SERVICE_HOST").context("this is no Pod")?;
        let port = std::env::var("KUBERNETES_SERVICE_PORT").unwrap_or_else(|_| "443".into());
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let token = std::fs::read_to_string(Path::new(ACCOUNT).join("token"))
            .context("the Pod has no token of its ServiceAccount")?;
        let client = client(tls::verified(Some(&Path::new(ACCOUNT).join("ca.crt")))?)?;
        Ok(Self { client, base: format!("https://{host}:{port}"), token: token.trim().to_owned(), log: log.clone() })
    }

    /// A Secret, if it and its namespace are there.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>> {
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let Some(mut answer) = self.call(Method::GET, &path, None).await? else { return Ok(None) };
        let mut data = Vec::new();
        for (key, value) in answer["data"].as_object().into_iter().flatten() {
            let bytes = BASE64_STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
            data.push((key.clone(), String::from_utf8_lossy(&bytes).into_owned()));
        }
        let metadata = answer["metadata"].take();
        let owner = metadata["ownerReferences"][0]["uid"].as_str().map(str::to_owned);
        Ok(Some(Secret {
            owner,
            data,
            annotations: metadata["annotations"].clone(),
            labels: metadata["labels"].clone(),
        }))
    }

    /// Writes a Secret, in place of an older one. It belongs to a Role beside it, if that is there, and goes with it.
    pub async fn write_secret(&self, namespace: &str, name: &str, role: &str, secret: &Secret) -> Result<()> {
        let mut data = serde_json::Map::new();
        for (key, value) in &secret.data {
            data.insert(key.clone(), json!(BASE64_STANDARD.encode(value)));
        }
        let mut object = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": name, "namespace": namespace, "labels": secret.labels, "annotations": secret.annotations},
            "data": data,
        });
        let path = format!("/apis/{RBAC}/namespaces/{namespace}/roles/{role}");
        match or_none(StatusCode::FORBIDDEN, self.call(Method::GET, &path, None).await)? {
            Some(found) => {
                let uid = &found["metadata"]["uid"];
                object["metadata"]["ownerReferences"] =
                    json!([{"apiVersion": RBAC, "kind": "Role", "name": role, "uid": uid}]);
            }
            // A template of the platform's own may give other rights.
            None => self.log.warn(format!(
                "the Role `{role}` cannot be read in `{namespace}`: the Secret `{name}` stays there when its database is gone"
            )),
        }
        // Server-side apply: one call that creates or replaces, and may be repeated.
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}?fieldManager=dayfly&force=true");
        self.call(Method::PATCH, &path, Some(&object))
            .await?
            .with_context(|| format!("the namespace `{namespace}` is gone"))?;
        Ok(())
    }

    /// Removes a Secret that dayfly wrote for the environment in this namespace, and no other. What is gone is fine; so is a
    /// namespace that is gone with the right to look into it.
    pub async fn delete_secret(&self, namespace: &str, name: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let found = or_none(StatusCode::FORBIDDEN, self.call(Method::GET, &path, None).await)?;
        let Some(found) = found.filter(|found| is_ours(&found["metadata"]["labels"], namespace)) else {
            return Ok(());
        };
        // This very one: another of its name may have come since.
        let this = json!({"preconditions": {"uid": found["metadata"]["uid"]}});
        let gone = or_none(StatusCode::CONFLICT, self.call(Method::DELETE, &path, Some(&this)).await);
        or_none(StatusCode::FORBIDDEN, gone).map(drop)
    }

    /// Namespaces of previews, also those that are being deleted: what is in them is still theirs.
    pub async fn environments(&self) -> Result<Vec<String>> {
        self.namespaces("").await
    }

    /// Whether a namespace is one of them.
    pub async fn is_environment(&self, name: &str) -> Result<bool> {
        Ok(!self.namespaces(&format!("&fieldSelector=metadata.name%3D{}", part(name))).await?.is_empty())
    }

    async fn namespaces(&self, which: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut next = String::new();
        loop {
            let path = format!(
                "/api/v1/namespaces?limit=500&labelSelector=app.kubernetes.io%2Fmanaged-by%3Ddayfly{which}&continue={next}"
            );
            let page = self.call(Method::GET, &path, None).await?.context("the API server has no namespaces")?;
            for item in page["items"].as_array().into_iter().flatten() {
                names.extend(item["metadata"]["name"].as_str().map(str::to_owned));
            }
            match page["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => token.clone_into(&mut next),
                _ => return Ok(names),
            }
        }
    }

    /// One call, every one of which may be repeated. `None`: not found.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Option<Value>> {
        let mut pauses = Pauses::short();
        loop {
            let shown = path.split('?').next().unwrap_or_default();
            self.log.doing(format!("waiting for the Kubernetes API: {method} {shown}"));
            let mut request =
                self.client.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(&self.token);
            if let Some(body) = body {
                let kind = if method == Method::PATCH { "application/apply-patch+yaml" } else { "application/json" };
                request = request.header(header::CONTENT_TYPE, kind).body(body.to_string());
            }
            match request.send().await {
                Ok(response) if response.status().is_success() => {
                    return Ok(Some(response.json().await.context("the Kubernetes API's answer is no JSON")?));
                }
                Ok(response) if response.status() == StatusCode::NOT_FOUND => return Ok(None),
                // Of two that apply the same at once, one has a conflict.
                Ok(response)
                    if response.status().is_server_error()
                        || response.status() == StatusCode::TOO_MANY_REQUESTS
                        || (response.status() == StatusCode::CONFLICT && method == Method::PATCH) =>
                {
                    self.log.again(format!("the Kubernetes API answers {}", response.status()));
                }
                Ok(response) => {
                    let status = response.status();
                    let answer: Value = response.json().await.unwrap_or_default();
                    let message = answer["message"].as_str().unwrap_or("nothing more").to_owned();
                    return Err(Refusal { status, message }.into());
                }
                Err(error) => self.log.again(format!("the Kubernetes API doesn't answer: {error}")),
            }
            pauses.wait().await;
        }
    }
}

/// What the API server answers if it does not do what it was asked for.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the Kubernetes API answers {}: {}", self.status, self.message)
    }
}

impl std::error::Error for Refusal {}

/// The answer; nothing if it is this refusal.
fn or_none(status: StatusCode, answer: Result<Option<Value>>) -> Result<Option<Value>> {
    match answer {
        Err(error) if error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.status == status) => Ok(None),
        answer => answer,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::database::{
        http::tests::{answering, runs},
        log::LogFormat,
    };

    pub(in crate::database) fn cluster(base: String) -> Kubernetes {
        let log = Log::new(LogFormat::Text, "test");
        let client = client(tls::verified(None).unwrap()).unwrap();
        Kubernetes { client, base, token: "t".into(), log }
    }

    /// Where providers are behind a proxy, the Jobs' environment says so.
    #[test]
    fn the_cluster_s_own_api_is_asked_directly() {
        let asks_a_proxy = |client: &Client| format!("{client:?}").contains("proxies");
        assert!(asks_a_proxy(&crate::database::http::client().unwrap()));
        assert!(!asks_a_proxy(&client(tls::verified(None).unwrap()).unwrap()));
    }

    #[test]
    fn a_conflict_is_no_end_of_writing_a_secret() {
        let (base, asked) = answering(&[(404, "{}"), (409, "{}"), (201, "{}")]);
        let secret = Secret { owner: None, data: Vec::new(), annotations: json!({}), labels: json!({}) };
        runs(cluster(base).write_secret("shop-pr-7", "main", "dayfly-database-main", &secret)).unwrap();
        assert_eq!(asked.join().unwrap().len(), 3);
    }

    /// What is written of it, `e2e/databases/cluster.rs` tells.
    #[test]
    fn a_role_that_may_not_be_read_keeps_no_secret_from_being_written() {
        for (status, answer) in [(200, r#"{"metadata":{"uid":"u-1"}}"#), (403, "{}"), (404, "{}")] {
            let (base, asked) = answering(&[(status, answer), (201, "{}")]);
            let secret = Secret { owner: None, data: Vec::new(), annotations: json!({}), labels: json!({}) };
            runs(cluster(base).write_secret("shop-pr-7", "main", "dayfly-database-main", &secret)).unwrap();
            let asked = asked.join().unwrap();
            assert!(asked[0].starts_with(
                "GET /apis/rbac.authorization.k8s.io/v1/namespaces/shop-pr-7/roles/dayfly-database-main "
            ));
            assert!(asked[1].starts_with("PATCH /api/v1/namespaces/shop-pr-7/secrets/main?"));
        }
    }

    #[test]
    fn a_secret_says_what_it_belongs_to() {
        let (base, _) = answering(&[(200, r#"{"metadata":{"ownerReferences":[{"uid":"u-1"}]}}"#)]);
        let secret = runs(cluster(base).secret("shop-pr-7", "main-app")).unwrap().unwrap();
        assert_eq!(secret.owner.as_deref(), Some("u-1"));
    }
}
