//! Paths and web addresses.

use super::{names::is_literal, text_scalar};

text_scalar!(
    /// A path below the folder of the file that names it.
    RelativePath,
    "relative-path",
    "a path below this folder, without `..` or `${{`",
    r"^[^/\\]+(/[^/\\]+)*$",
    is_relative_path
);
text_scalar!(
    /// A web address.
    Url,
    "web-url",
    "an address that begins with `https://` or `http://`",
    r"^https?://[^/ ][^ ]*$",
    |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && text.len() <= 2048
                && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
        })
    }
);
text_scalar!(
    /// The path of a web address, as Gateway API and Ingress both take it, written in the one way that names it: to both,
    /// `/api/` is the prefix `/api`. Whether `%C3` is compared as it stands, some controllers decide otherwise than others, and a
    /// route that never matches leaves its requests to another one. Source: Traefik, `withRoutingPath` in
    /// `pkg/muxer/http/mux.go`.
    UrlPath,
    "url-path",
    "a path such as `/api`: at most 1024 characters of a web address, no `*` or `%`, no `/` at its end, no `//`, `.` or `..` in it",
    r"^/([^/?#*% ]+(/[^/?#*% ]+)*)?$",
    |text| is_url_path(text) && (text == "/" || !text.ends_with('/')) && !text.contains(['*', '%'])
);
text_scalar!(
    /// A folder in a container, written in the one way that names it.
    AbsolutePath,
    "absolute-path",
    "a folder such as `/var/cache`: not `/` itself, nothing at its end, no `//`, `.`, `..`, `:` or `${{` in it",
    r"^(/[^/\\:]+)+$",
    is_absolute_path
);
text_scalar!(
    /// A file in a container, written in the one way that names it.
    FilePath,
    "file-path",
    "a file such as `/etc/nginx/nginx.conf`: at most 512 bytes and 255 between two `/`, nothing at its end, no `//`, `.`, `..`, `:`, `\\` or `${{` in it",
    r"^(/[^/\\:]+)+$",
    |text| is_absolute_path(text) && text.split('/').all(|part| part.len() <= LONGEST_FILE_NAME)
);
text_scalar!(
    /// A file or folder of an image, written in the one way that names it.
    ImagePath,
    "image-path",
    "a path in the image such as `prisma/migrations` or `/app/migrations`: at most 512 bytes, nothing at its end, no `//`, `.`, `..`, `\\`, `${{` or control characters in it",
    r"^/?[^/\\]+(/[^/\\]+)*$",
    is_image_path
);

/// Bytes of a file's name: Linux' `NAME_MAX`. A container with a longer one does not start.
const LONGEST_FILE_NAME: usize = 255;

/// The path of a web address. At its end it may have a `/`, which to a request is another path.
pub(super) fn is_url_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        let byte = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        // A letter or digit would be the same path, to some controllers; RFC 3986, 6.2.2.
        digits.len() == 2
            && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'))
            && byte.is_some_and(|byte| !byte.is_ascii_alphanumeric() && !b"-._~/".contains(&byte))
    };
    text.len() <= 1024
        && text.starts_with('/')
        && bytes.iter().enumerate().all(|(at, b)| match b {
            b'%' => escape(at),
            _ => b.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(b),
        })
        && !text.contains("//")
        && text.split('/').all(|segment| segment != "." && segment != "..")
}

fn is_absolute_path(text: &str) -> bool {
    text.len() <= 512 && !text.contains(':') && text.strip_prefix('/').is_some_and(is_clean)
}

fn is_image_path(text: &str) -> bool {
    text.len() <= 512 && is_clean(text.strip_prefix('/').unwrap_or(text))
}

fn is_relative_path(text: &str) -> bool {
    text.len() <= 512 && is_plain(text) && text.split('/').all(|part| !part.is_empty() && part != "..")
}

/// Whether a path is written in the one way that names its place.
fn is_clean(text: &str) -> bool {
    is_plain(text) && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn is_plain(text: &str) -> bool {
    is_literal(text) && !text.contains(|c: char| c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use super::{AbsolutePath, FilePath, ImagePath, Url, UrlPath};
    use crate::input::scalar::Scalar as _;

    #[test]
    fn paths_of_addresses() {
        let long = |length: usize| format!("/{}", "a".repeat(length - 1));
        for text in ["/", "/api", "/.well-known/x", "/a.b/..c", "/~me/(x);v=1,2", &long(1024)] {
            assert!(UrlPath::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "api",
            "//",
            "/api/",
            "/api//",
            "//api",
            "/a/b/",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a/.",
            "/./a",
            "/a b",
            "/a?b",
            "/a#b",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%20b",
            "/%C3%A4",
            "/a%2fb",
            "/a%2Fb",
            "/%61dmin",
            "/%2E%2E/b",
            "/a%2Db",
            "/%c3%a4",
            "/a%+1b",
            "/ä",
            "/a\nb",
            "/a|b",
            "/a{b}",
            // Neither Gateway API nor Ingress takes it for anything else than the character.
            "/api/*",
            "https://x.dev/a",
            &long(1025),
        ] {
            assert!(UrlPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn folders() {
        for text in ["/a", "/var/cache/app", "/home/node/.npm", "/a b", "/..a"] {
            assert!(AbsolutePath::parse(text).is_ok(), "{text}");
        }
        for text in ["", "/", "a", "./a", "/a/", "//a", "/a//b", "/a/.", "/a/../b", "/a:b", "/a\\b", "/a\nb"] {
            assert!(AbsolutePath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files() {
        let long = |name: usize| format!("/a/{}/b", "x".repeat(name));
        for text in ["/a", "/etc/nginx/nginx.conf", "/app/.env", "/..a", "/a b", "/ä", &long(255)] {
            assert!(FilePath::parse(text).is_ok(), "{text}");
        }
        let too_long = format!("{0}{0}{0}", long(200));
        for text in [
            "",
            "/",
            "a",
            "a/b",
            "./a",
            "~/a",
            "/a/",
            "//a",
            "/a//b",
            "/.",
            "/a/..",
            "/a/../b",
            "/./a",
            "/a:b",
            "/a\\b",
            "/a\nb",
            "/a\0",
            "/a\u{85}",
            "/${{ pr.number }}",
            &long(256),
            &too_long,
        ] {
            assert!(FilePath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn paths_in_an_image() {
        for text in ["migrations", "db/migrate", "/app/db", "a b/*.sql", "a:b", "..a/b..", &"a".repeat(512)] {
            assert!(ImagePath::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "/",
            ".",
            "..",
            "./a",
            "a/",
            "a//b",
            "//a",
            "a/./b",
            "a/../b",
            "/..",
            "a\\b",
            "a\nb",
            "a\0",
            "a\u{85}b",
            "a/${{ pr.headSha }}",
            &"a".repeat(513),
        ] {
            assert!(ImagePath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses() {
        assert!(Url::parse("https://github.com/a/b/pull/1?x=y#z").is_ok());
        for text in ["javascript:alert(1)", "https://", "https:///x", "https://a b", "https://a\"b", "ftp://a"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
