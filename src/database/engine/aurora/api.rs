//! AWS's query API: a form goes in, XML comes out. `SigV4` signs it, with the keys of the environment, or with a session's for
//! which this Pod's own token is exchanged (IRSA).

use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, StatusCode, Url};
use roxmltree::{Document, Node};
use tokio::sync::OnceCell;

use super::sign::{self, Credentials};
use crate::database::{
    engine::variable,
    http::{self, ApiError, api_error},
    log::Log,
    retry::Pauses,
    time,
};

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION: &str = "AWS_SESSION_TOKEN";
const ROLE: &str = "AWS_ROLE_ARN";
const IDENTITY: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// Whatever signs in to AWS, here or elsewhere: of several, AWS's own programs take the first that they find.
pub(in crate::database::engine) const SIGN_IN: [&str; 9] = [
    KEY_ID,
    KEY,
    SESSION,
    ROLE,
    IDENTITY,
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// The variables that sign in to AWS here.
pub(in crate::database::engine) fn keys() -> Vec<String> {
    let is_set = |name: &&str| variable(name).is_some();
    let mut keys = if is_set(&IDENTITY) && !is_set(&KEY_ID) { vec![ROLE, IDENTITY] } else { vec![KEY_ID, KEY] };
    keys.extend([SESSION].iter().filter(|name| is_set(name)));
    keys.into_iter().map(str::to_owned).collect()
}

pub(super) struct Rds {
    client: Client,
    endpoint: Url,
    region: String,
    credentials: OnceCell<Credentials>,
    log: Log,
}

impl Rds {
    pub(super) fn new(endpoint: Option<&str>, region: &str, log: &Log) -> Result<Self> {
        let endpoint = endpoint.map_or_else(|| usual("rds", region), str::to_owned);
        Ok(Self {
            client: http::client()?,
            endpoint: Url::parse(&endpoint).with_context(|| format!("`{endpoint}` is no URL"))?,
            region: region.to_owned(),
            credentials: OnceCell::new(),
            log: log.clone(),
        })
    }

    /// One action. Throttled, it is tried again; if an answer is lost, only where it asks and changes nothing.
    pub(super) async fn call(&self, action: &str, parameters: &[(String, String)]) -> Result<String> {
        let mut pauses = Pauses::long();
        loop {
            self.log.doing(format!("waiting for RDS: {action}"));
            let error = match self.attempt(action, parameters).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let again = match api_error(&error) {
                Some(error) => {
                    error.code.contains("Throttl")
                        || error.code == "RequestLimitExceeded"
                        || matches!(error.status.as_u16(), 429 | 503)
                        || (error.status.is_server_error() && action.starts_with("Describe"))
                }
                None => {
                    action.starts_with("Describe") && error.chain().any(<dyn std::error::Error>::is::<reqwest::Error>)
                }
            };
            if !again {
                return Err(error);
            }
            self.log.again(error);
            pauses.wait().await;
        }
    }

    async fn attempt(&self, action: &str, parameters: &[(String, String)]) -> Result<String> {
        let credentials = self.credentials.get_or_try_init(|| sign_in(&self.client, &self.region, &self.log)).await?;
        let body = form(action, "2014-10-31", parameters);
        let at = time::text(SystemTime::now()).replace(['-', ':'], "");
        let host = self.endpoint.host_str().unwrap_or_default();
        let host = self.endpoint.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut headers = vec![("content-type", FORM), ("host", &*host), ("x-amz-date", &at)];
        headers.extend(credentials.token.as_deref().map(|token| ("x-amz-security-token", token)));
        let scope = [self.region.as_str(), "rds"];
        let signature = sign::authorization(credentials, scope, &at, self.endpoint.path(), &headers, &body);
        let mut request = self.client.post(self.endpoint.clone()).header("authorization", signature);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        answer(request.body(body), action).await
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Where a service is, unless somebody says otherwise.
fn usual(service: &str, region: &str) -> String {
    let top = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{top}/")
}

fn form(action: &str, version: &str, parameters: &[(String, String)]) -> String {
    // The only form encoder that is here anyway.
    let mut url = usual("rds", "any").parse::<Url>().unwrap_or_else(|_| unreachable!("it is a URL"));
    url.query_pairs_mut().append_pair("Action", action).append_pair("Version", version).extend_pairs(parameters);
    url.query().unwrap_or_default().to_owned()
}

async fn answer(request: reqwest::RequestBuilder, action: &str) -> Result<String> {
    let response = request.send().await.with_context(|| format!("{action} got no answer"))?;
    let status = response.status();
    let text = response.text().await.with_context(|| format!("the answer to {action} broke off"))?;
    if status.is_success() {
        return Ok(text);
    }
    let document = Document::parse(&text).ok();
    let field = |name: &str| {
        let node = document.as_ref()?.descendants().find(|node| node.has_tag_name(name))?;
        Some(node.text().unwrap_or_default().to_owned())
    };
    Err(error(action, status, field("Code"), field("Message")))
}

fn error(action: &str, status: StatusCode, code: Option<String>, message: Option<String>) -> anyhow::Error {
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    ApiError { method: Method::POST, path: action.to_owned(), status, code, message }.into()
}

/// The keys to sign with: in the order in which AWS's own programs look for them.
async fn sign_in(client: &Client, region: &str, log: &Log) -> Result<Credentials> {
    if let Some(id) = variable(KEY_ID) {
        let secret = variable(KEY).with_context(|| format!("{KEY_ID} is set and {KEY} is not"))?;
        return Ok(Credentials { id, secret, token: variable(SESSION) });
    }
    let (Some(role), Some(file)) = (variable(ROLE), variable(IDENTITY)) else {
        bail!(
            "nothing signs in to AWS: set {KEY_ID} and {KEY}, or give the ServiceAccount a role ({ROLE} and {IDENTITY})"
        );
    };
    let token = std::fs::read_to_string(&file).with_context(|| format!("{IDENTITY}: failed to read `{file}`"))?;
    let name = variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "dayfly".into());
    let parameters = [("RoleArn", role.as_str()), ("RoleSessionName", &name), ("WebIdentityToken", token.trim())];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = form("AssumeRoleWithWebIdentity", "2011-06-15", &parameters);
    // As AWS's own programs call it.
    let endpoint = variable("AWS_ENDPOINT_URL_STS").unwrap_or_else(|| usual("sts", region));
    let mut pauses = Pauses::long();
    let text = loop {
        log.doing(format!("signing in to AWS as {role}"));
        let request = client.post(&endpoint).header("content-type", FORM).body(body.clone());
        match answer(request, "AssumeRoleWithWebIdentity").await {
            Ok(text) => break text,
            Err(error)
                if http::is_ambiguous(&error) || http::status(&error) == Some(StatusCode::SERVICE_UNAVAILABLE) =>
            {
                log.again(error);
            }
            Err(error) => return Err(error).with_context(|| format!("AWS does not let this Pod be {role}")),
        }
        pauses.wait().await;
    };
    let document = parse(&text)?;
    let credentials = document.descendants().find(|node| node.has_tag_name("Credentials"));
    let credentials = credentials.context("AWS's answer has no credentials")?;
    let field = |name| text_of(credentials, name).map(str::to_owned).with_context(|| format!("AWS gave no {name}"));
    Ok(Credentials {
        id: field("AccessKeyId")?,
        secret: field("SecretAccessKey")?,
        token: Some(field("SessionToken")?),
    })
}

pub(super) fn parse(text: &str) -> Result<Document<'_>> {
    // Its own message could quote the text.
    Document::parse(text).map_err(|_| anyhow::anyhow!("AWS's answer is no XML"))
}

/// The text of a child.
pub(super) fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text()
}

pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The elements of a list.
pub(super) fn items<'a, 'i>(node: Node<'a, 'i>, list: &str) -> impl Iterator<Item = Node<'a, 'i>> {
    child(node, list).into_iter().flat_map(|list| list.children().filter(Node::is_element))
}
