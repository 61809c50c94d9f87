//! Derived names, within their budgets.
//!
//! What must be shortened gets a hash of the whole, so that two long names which begin alike stay apart.

use std::{fmt::Write as _, hash::Hasher};

use siphasher::{
    sip::SipHasher24,
    sip128::{self, Hasher128 as _},
};

/// A DNS label, a label's value, a Namespace, a Service, a Job.
pub const LABEL: usize = crate::input::scalar::MOST_OF_LABEL;

/// Letters of a hash that tells previews apart: 32¹⁶ cannot be tried out by whoever may choose a name.
const LONG_HASH: usize = 16;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// `text` if it fits `budget`, else its beginning and a hash of all of it. No two texts come to the same: one that fits but
/// could be what another was shortened to gets a hash, too.
pub fn shorten(text: &str, budget: usize) -> String {
    if text.len() < budget || text.len() == budget && !looks_shortened(text) {
        return text.to_owned();
    }
    shortened(text, budget, &[text])
}

/// The beginning of a text, and a hash of `parts`.
fn shortened(text: &str, budget: usize, parts: &[&str]) -> String {
    let beginning = &text[..text.floor_char_boundary(budget - LONG_HASH - 1)];
    format!("{beginning}-{}", long_hash(parts))
}

fn looks_shortened(text: &str) -> bool {
    text.rsplit_once('-').is_some_and(|(_, end)| end.len() == LONG_HASH && end.bytes().all(|b| ALPHABET.contains(&b)))
}

/// The DNS label of a route, which no other route and namespace come to: `web-shop-pr-7`, and `2-my-web-shop-pr-7` for the route
/// `my-web`. Where a route ends and the namespace begins, the number of the route's words says; without a number it is one.
/// What would be too long begins with `0`. No route's name begins with a digit.
pub fn host(route: &str, namespace: &str) -> String {
    let words = route.split('-').count();
    let label = if words == 1 { format!("{route}-{namespace}") } else { format!("{words}-{route}-{namespace}") };
    if label.len() <= LABEL {
        return label;
    }
    shortened(&format!("0-{route}-{namespace}"), LABEL, &[route, namespace])
}

/// What a name at a provider of databases may have: PostgreSQL's 63 bytes.
const PROVIDER: usize = 63;

/// A file's key in a ConfigMap, which no other path comes to: `etc__nginx__conf.d__default.conf`. What no key may have, and `_`, is
/// written as its bytes, `_20`. Source of what it may: Kubernetes, `IsConfigMapKey`.
pub fn file_key(path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut key = String::with_capacity(path.len() + 16);
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'/' => key.push_str("__"),
            // No key begins with two dots.
            b'.' if at > 0 || !path.starts_with("..") => key.push('.'),
            b'-' => key.push('-'),
            byte if byte.is_ascii_alphanumeric() => key.push(char::from(byte)),
            byte => {
                let _ = write!(key, "_{byte:02x}");
            }
        }
    }
    shorten(&key, crate::input::scalar::MOST_OF_NAME)
}

/// The ConfigMap with a service's files.
pub fn files(service: &str) -> String {
    format!("{service}-files")
}

/// `storefront_pr_128_main_c808f996`: letters, digits and underscores, which every server takes without quotes.
pub fn provider(parts: &[&str]) -> String {
    let mut plain = parts.join("_").replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    plain.make_ascii_lowercase();
    // Hyphens and the joints look alike now, so different parts could make one name: the hash keeps them apart. Whoever makes
    // two collide gains nothing: a branch is used by whom its mark names.
    let hash = hash(parts);
    format!("{}_{hash}", &plain[..plain.len().min(PROVIDER - hash.len() - 1)])
}

/// `stem`, and a hash of all that tells it from others, as one DNS label.
pub fn hashed(stem: &str, parts: &[&str]) -> String {
    let hash = hash(parts);
    format!("{}-{hash}", shorten(stem, LABEL - hash.len() - 1))
}

/// The Secret of a database's migrate and seed.
pub fn direct_secret(database: &str) -> String {
    shorten(&format!("{database}-direct"), LABEL)
}

/// The Role, and its binding, of a database's Jobs in the preview's namespace. The Secrets that they write belong to it.
pub fn database_access(database: &str) -> String {
    format!("dayfly-database-{database}")
}

/// Eight characters that stand for all `parts`, each with its length, so that no two lists of parts look the same.
///
/// Forty bits can be collided by trying, whatever the function: only for what is a preview's own.
pub fn hash(parts: &[&str]) -> String {
    let mut hasher = SipHasher24::new();
    feed(&mut hasher, parts);
    letters(&hasher.finish().to_le_bytes())
}

/// Sixteen characters, for what hangs on names that somebody else may choose.
fn long_hash(parts: &[&str]) -> String {
    let mut hasher = sip128::SipHasher24::new();
    feed(&mut hasher, parts);
    letters(&hasher.finish128().as_bytes())
}

/// `SipHash` needs no CPU detection at start.
fn feed(hasher: &mut impl Hasher, parts: &[&str]) {
    for part in parts {
        hasher.write(&part.len().to_le_bytes());
        hasher.write(part.as_bytes());
    }
}

fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::{LABEL, file_key, hash, host, shorten};
    use crate::input::scalar::{FilePath, MOST_OF_NAME, Scalar as _};
    use proptest::prelude::*;

    /// A namespace's name that is none is told elsewhere.
    #[test]
    fn no_letter_is_cut() {
        for text in ["ä", "aä", "€", "a😀"] {
            let text = text.repeat(40);
            assert!(host("we", &text).len() <= LABEL && shorten(&text, LABEL).len() <= LABEL, "{text}");
        }
    }

    #[test]
    fn the_split_between_parts_counts() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["a"]).len(), 8);
    }

    /// A name may be made to look like what another one is shortened to.
    #[test]
    fn what_looks_shortened_is_no_other_one() {
        let long = "x".repeat(80);
        let shortened = shorten(&long, LABEL);
        assert_eq!(shortened.len(), LABEL);
        assert_ne!(shorten(&shortened, LABEL), shortened);
        // Another last word, of another length or with a letter that no hash has, is no hash.
        for end in ["web", "0123456789abcdef0", "0123456789abcdei"] {
            let fits = format!("{}-{end}", "x".repeat(LABEL - 1 - end.len()));
            assert_eq!(shorten(&fits, LABEL), fits);
        }
        assert!(host("web", &long).starts_with("0-web-xx"), "no route begins so");
    }

    #[test]
    fn a_host_shows_its_route_and_its_namespace() {
        assert_eq!(host("web", "shop-pr-7"), "web-shop-pr-7");
        assert_eq!(host("my-web", "shop-pr-7"), "2-my-web-shop-pr-7");
        assert_eq!(host("a-", "b"), "2-a--b");
        assert_eq!(host("a--b", "c"), "3-a--b-c");
    }

    #[test]
    fn a_key_shows_its_path() {
        for (path, key) in [
            ("/etc/nginx/conf.d/default.conf", "etc__nginx__conf.d__default.conf"),
            ("/etc/my_app.yml", "etc__my_5fapp.yml"),
            ("/app/.env", "app__.env"),
            ("/.env", ".env"),
            ("/..data", "_2e.data"),
            ("/a b/ä", "a_20b___c3_a4"),
        ] {
            assert_eq!(file_key(path), key);
        }
        let long = file_key(&format!("/{}", "a_/".repeat(100)));
        assert_eq!(long.len(), MOST_OF_NAME);
        assert!(long.starts_with("a_5f__a_5f__"), "{long}");
        assert_ne!(file_key(&format!("/{long}")), long, "it may be made to look like another's");
    }

    /// A word of a route, or nothing, between two hyphens.
    const WORDS: &str = "[a-c](-?[a-c1-3]{0,2}){0,4}";

    /// The path that a key is of, if it was not shortened.
    fn path_of(key: &str) -> String {
        let (mut bytes, mut path) = (key.bytes(), vec![b'/']);
        while let Some(byte) = bytes.next() {
            path.push(match byte {
                b'_' => match bytes.next().expect("a second byte") {
                    b'_' => b'/',
                    digit => {
                        let digits = [digit, bytes.next().expect("two digits")];
                        u8::from_str_radix(std::str::from_utf8(&digits).expect("ASCII"), 16).expect("hexadecimal")
                    }
                },
                byte => byte,
            });
        }
        String::from_utf8(path).expect("UTF-8")
    }

    proptest! {
        #[test]
        fn fits_and_stays_apart(a in "[a-z0-9-]{1,90}", b in "[a-z0-9-]{1,90}") {
            let (short_a, short_b) = (shorten(&a, 63), shorten(&b, 63));
            prop_assert!(short_a.len() <= 63);
            prop_assert_eq!(a == b, short_a == short_b);
        }

        #[test]
        fn keys_of_files_are_valid_and_stay_apart(
            a in "(/[a._2f5x ä-]{1,4}){1,4}", b in "(/[a._2f5x ä-]{1,4}){1,4}", tail in prop_oneof![3 => Just(0), 1 => 60..90_usize],
        ) {
            let (a, b) = (format!("{a}{}", "/_z".repeat(tail)), format!("{b}{}", "/_z".repeat(tail)));
            prop_assume!(FilePath::parse(&a).is_ok() && FilePath::parse(&b).is_ok());
            let (key, other) = (file_key(&a), file_key(&b));
            prop_assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)), "{}", key);
            prop_assert!((1..=MOST_OF_NAME).contains(&key.len()) && key != "." && !key.starts_with(".."), "{}", key);
            prop_assert_eq!(a == b, key == other, "{} {}", a, b);
            // What could be read in another way is another path's: each key is written back.
            if key.len() < MOST_OF_NAME {
                prop_assert_eq!(path_of(&key), a);
            }
        }

        #[test]
        fn a_host_is_of_one_route_and_one_namespace(a in WORDS, b in WORDS, c in "[a-c1-3-]{1,9}", d in "[a-c1-3-]{1,9}", long in prop_oneof![3 => Just(0), 1 => 40..60_usize]) {
            let (c, d) = (format!("{c}{}", "y".repeat(long)), format!("{d}{}", "y".repeat(long)));
            let (one, other) = (host(&a, &c), host(&b, &d));
            prop_assert!(one.len() <= LABEL);
            prop_assert_eq!((&a, &c) == (&b, &d), one == other, "{} {}", one, other);
            // Cut elsewhere, the same label is read as another route of another namespace.
            for (at, _) in one.match_indices('-') {
                for start in [0, one.find('-').map_or(0, |first| first + 1)] {
                    if let Some(route) = one.get(start..at).filter(|route| route.starts_with(|c: char| c.is_ascii_lowercase())) {
                        let namespace = &one[at + 1..];
                        prop_assert_eq!((route, namespace) == (&a, &c), host(route, namespace) == one, "{} {}", route, namespace);
                    }
                }
            }
        }
    }
}
