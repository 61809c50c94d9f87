//! HTTP to a provider's API: bounded, retried where that is safe, and without a secret in any message.

use std::time::Duration;

use anyhow::{Context as _, Result};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, StatusCode, header, redirect};
use serde_json::Value;

use super::{log::Log, retry::Pauses, tls};

/// One request may take this long.
const TIMEOUT: Duration = Duration::from_mins(1);

/// So often is a request tried again that conflicts with something else that is being done.
const CONFLICTS: u32 = 5;

/// An API, and how to sign in to it.
pub struct Api {
    client: Client,
    base: String,
    /// Header and value.
    authorization: (&'static str, String),
    log: Log,
}

/// An answer that is no success.
#[derive(Debug)]
pub struct ApiError {
    /// What was asked.
    pub method: Method,
    /// Below the API's base URL.
    pub path: String,
    /// What the provider answered.
    pub status: StatusCode,
    /// The provider's own code, if its answer has one.
    pub code: String,
    /// The provider's own words.
    pub message: String,
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} answers {}", self.method, self.path, self.status)?;
        for part in [&self.code, &self.message] {
            if !part.is_empty() {
                write!(f, ": {part}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

/// The API error in `error`, if it is one.
pub fn api_error(error: &anyhow::Error) -> Option<&ApiError> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

/// The status of the answer that `error` is, if it is one.
pub fn status(error: &anyhow::Error) -> Option<StatusCode> {
    api_error(error).map(|error| error.status)
}

/// Whether `error` means that nobody knows if the request took effect: look before trying again.
pub fn is_ambiguous(error: &anyhow::Error) -> bool {
    match api_error(error) {
        Some(error) => error.status.is_server_error() && error.status != StatusCode::SERVICE_UNAVAILABLE,
        None => error.chain().any(<dyn std::error::Error>::is::<reqwest::Error>),
    }
}

/// One part of a path or a query.
pub fn part(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%2D", "-").replace("%5F", "_")
}

/// A client for a provider's API, which sends its key nowhere else: what answers with a redirect is not that API.
pub fn client() -> Result<Client> {
    Client::builder()
        .tls_backend_preconfigured(tls::verified(None)?)
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .connect_timeout(Duration::from_secs(10))
        .user_agent(concat!("dayfly/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("no HTTP client can be made")
}

impl Api {
    /// `authorization`: a header's name and its value, which is never shown.
    pub fn new(base: &str, authorization: (&'static str, String), log: &Log) -> Result<Self> {
        Ok(Self { client: client()?, base: base.trim_end_matches('/').to_owned(), authorization, log: log.clone() })
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Reads what may not be there.
    pub async fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.get(path).await {
            Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Posts once the API is free; `Value::Null` is no body. An answer that was lost is not asked for again ([`is_ambiguous`]).
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Changes something to what it should be: after a lost answer, again.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Posts what may take effect twice: after a lost answer, again.
    pub async fn post_again(&self, path: &str, body: &Value) -> Result<Value> {
        let mut pauses = Pauses::long();
        loop {
            match self.post(path, body).await {
                Err(error) if is_ambiguous(&error) => self.log.again(error),
                answer => return answer,
            }
            pauses.wait().await;
        }
    }

    /// Deletes; what is gone already is fine, and answered by nothing.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        match self.call(Method::DELETE, path, None).await {
            Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => Ok(Value::Null),
            answer => answer,
        }
    }

    /// One call. Locked (423), too many (429) and unavailable (503) are always tried again; other failures of the server's
    /// and of the network only where a second call does nothing new; a conflict (409) only there, and a few times: it may stay.
    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let is_repeatable = [Method::GET, Method::PATCH, Method::DELETE].contains(&method);
        let mut pauses = Pauses::long();
        let mut conflicts = 0;
        loop {
            self.log.doing(format!("waiting for {method} {path}"));
            let error = match self.attempt(&method, path, body).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let again = match api_error(&error) {
                Some(error) => match error.status.as_u16() {
                    423 | 429 | 503 => true,
                    409 => {
                        conflicts += 1;
                        is_repeatable && conflicts <= CONFLICTS
                    }
                    500..=599 => is_repeatable,
                    _ => false,
                },
                None => is_repeatable,
            };
            if !again {
                return Err(error);
            }
            self.log.again(error);
            pauses.wait().await;
        }
    }

    async fn attempt(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.base))
            .header(self.authorization.0, &self.authorization.1)
            .header(header::ACCEPT, "application/json");
        if let Some(body) = body.filter(|body| !body.is_null()) {
            request = request.json(body);
        }
        // Its own words would hold the URL, which is fine, and nothing of the headers.
        let response = request.send().await.with_context(|| format!("{method} {path} got no answer"))?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("the answer to {method} {path} broke off"))?;
        if status.is_success() {
            if text.trim().is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_str(&text).with_context(|| format!("the answer to {method} {path} is no JSON"));
        }
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let field = |names: &[&str]| {
            names.iter().find_map(|name| answer[*name].as_str()).map(str::to_owned).unwrap_or_default()
        };
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let message = field(&["message", "error", "detail", "hint"]);
        Err(ApiError { method: method.clone(), path, status, code: field(&["code"]), message }.into())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        io::{BufRead as _, BufReader, Read as _, Write as _},
        net::TcpListener,
        thread::{self, JoinHandle},
    };

    use super::*;
    use crate::database::log::LogFormat;

    /// A server that answers so, one request after the other, and what it was asked for.
    pub(in crate::database) fn answering(answers: &[(u16, &'static str)]) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers.to_vec();
        let asked = thread::spawn(move || {
            let answer = |(status, body): (u16, &str)| {
                let mut reader = BufReader::new(listener.accept().unwrap().0);
                let head: Vec<String> =
                    reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let length = head
                    .iter()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
                reader.read_exact(&mut vec![0; length.unwrap_or(0)]).unwrap();
                let length = body.len();
                write!(
                    reader.into_inner(),
                    "HTTP/1.1 {status} So\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                )
                .unwrap();
                head[0].clone()
            };
            answers.into_iter().map(answer).collect()
        });
        (base, asked)
    }

    pub(in crate::database) fn runs<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn api(base: &str) -> Api {
        Api::new(base, ("Authorization", "a".into()), &Log::new(LogFormat::Text, "test")).unwrap()
    }

    #[test]
    fn a_conflict_is_tried_again_where_that_does_nothing_new() {
        let (base, asked) = answering(&[(409, "{}"), (409, "{}"), (200, "{}")]);
        runs(api(&base).patch("/it", &Value::Null)).unwrap();
        assert_eq!(asked.join().unwrap(), ["PATCH /it HTTP/1.1"; 3]);
        let (base, asked) = answering(&[(409, "{}")]);
        let error = runs(api(&base).post("/it", &Value::Null)).unwrap_err();
        assert_eq!((status(&error), asked.join().unwrap().len()), (Some(StatusCode::CONFLICT), 1));
    }

    #[test]
    fn a_redirect_is_no_answer_and_is_not_followed() {
        let (base, asked) = answering(&[(302, "{}")]);
        let error = runs(api(&base).post("/it", &Value::Null)).unwrap_err();
        assert_eq!((status(&error), asked.join().unwrap().len()), (Some(StatusCode::FOUND), 1));
    }

    #[test]
    fn a_conflict_that_stays_is_an_error() {
        let (base, asked) = answering(&[(409, r#"{"message":"it has children"}"#); 6]);
        let error = runs(api(&base).delete("/it")).unwrap_err();
        assert!(error.to_string().contains("it has children"), "{error}");
        assert_eq!(asked.join().unwrap().len(), 6);
    }
}
