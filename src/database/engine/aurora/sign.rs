//! AWS's signature, version 4, of one kind of request: a POST with a form. The crates that sign all kinds bring in more code
//! than this is.

use ring::hmac;

use crate::database::schema::{hexadecimal, sha256};

/// Keys of AWS's, long-lived or for a session.
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// The header `authorization`. `scope` is region and service, `at` an instant such as `20150830T123600Z`, and `headers` are all
/// that are signed: lower case, in alphabetical order.
pub(super) fn authorization(
    credentials: &Credentials,
    scope: [&str; 2],
    at: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let day = at.split('T').next().unwrap_or_default();
    let scope = [day, scope[0], scope[1], "aws4_request"];
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers.iter().flat_map(|(name, value)| [*name, ":", *value, "\n"]).collect();
    let request = format!("POST\n{path}\n\n{lines}\n{names}\n{}", sha256(body.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{}\n{}", scope.join("/"), sha256(request.as_bytes()));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", credentials.secret).as_bytes());
    let key = scope
        .iter()
        .fold(secret, |key, part| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()));
    let signature = hexadecimal(hmac::sign(&key, text.as_bytes()).as_ref());
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={signature}",
        credentials.id,
        scope.join("/")
    )
}

#[cfg(test)]
mod tests {
    use super::{Credentials, authorization};

    /// Of AWS's own test suite: `post-x-www-form-urlencoded`, `post-vanilla`, `post-sts-header-before`.
    #[test]
    fn signs_as_the_published_examples_do() {
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        let form = ("content-type", "application/x-www-form-urlencoded");
        let host = ("host", "example.amazonaws.com");
        let date = ("x-amz-date", "20150830T123600Z");
        let credentials = Credentials {
            id: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            token: Some(token.into()),
        };
        let sign = |headers: &[(&str, &str)], body: &str| {
            authorization(&credentials, ["us-east-1", "service"], "20150830T123600Z", "/", headers, body)
        };
        assert_eq!(
            sign(&[form, host, date], "Param1=value1"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
        let vanilla = sign(&[host, date], "");
        assert!(
            vanilla.ends_with("Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            "{vanilla}"
        );
        let session = sign(&[host, date, ("x-amz-security-token", token)], "");
        assert!(
            session.ends_with("Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
            "{session}"
        );
    }
}
