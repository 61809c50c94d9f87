//! Derived names, within their budgets.
//!
//! What must be shortened gets a hash of the whole, so that two long names which begin alike stay apart.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

/// A DNS label, a label's value, a Namespace, a Service, a Job.
pub const LABEL: usize = 63;

/// Letters of a hash, one for each byte of `SipHash`'s eight; 32⁸ is about 10¹².
const HASH: usize = 8;

/// `text` if it fits `budget`, else its beginning and a hash of all of it.
pub fn shorten(text: &str, budget: usize) -> String {
    if text.len() <= budget {
        return text.to_owned();
    }
    let mut end = budget - HASH - 1;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}-{}", text[..end].trim_end_matches(['-', '.', '_']), hash(&[text]))
}

/// What a name at a provider of databases may have: PostgreSQL's 63 bytes.
const PROVIDER: usize = 63;

/// `storefront_pr_128_main_c808f996`: letters, digits and underscores, which every server takes without quotes.
pub fn provider(parts: &[&str]) -> String {
    let plain: String =
        parts.join("_").chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    // Hyphens and the joints look alike now, so different parts could make one name: the hash keeps them apart.
    format!("{}_{}", &plain[..plain.len().min(PROVIDER - HASH - 1)], hash(parts))
}

/// The Secret of a database's migrate and seed.
pub fn direct_secret(database: &str) -> String {
    shorten(&format!("{database}-direct"), LABEL)
}

/// Eight characters that stand for all `parts`, each with its length, so that no two lists of parts look the same.
pub fn hash(parts: &[&str]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    // Forty bits can be collided by trying, whatever the function: nothing secret or hostile hangs on it, and this one
    // needs no CPU detection at start.
    let mut hasher = SipHasher24::new();
    for part in parts {
        hasher.write(&part.len().to_le_bytes());
        hasher.write(part.as_bytes());
    }
    hasher.finish().to_le_bytes().iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::{hash, shorten};
    use proptest::prelude::*;

    #[test]
    fn the_split_between_parts_counts() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["a"]).len(), 8);
    }

    proptest! {
        #[test]
        fn fits_and_stays_apart(a in "[a-z0-9-]{1,90}", b in "[a-z0-9-]{1,90}") {
            let (short_a, short_b) = (shorten(&a, 63), shorten(&b, 63));
            prop_assert!(short_a.len() <= 63);
            prop_assert_eq!(a == b, short_a == short_b);
        }
    }
}
