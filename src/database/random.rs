//! Randomness of the operating system's, for passwords, names that must not be guessed, and jitter.

use ring::rand::{SecureRandom as _, SystemRandom};

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // It fails where there is no kernel's randomness at all: nothing here could go on without.
    SystemRandom::new().fill(&mut bytes).unwrap_or_else(|_| unreachable!("the operating system has no randomness"));
    bytes
}

/// A password: 160 bits as letters and digits, which need no escaping in a URL or a shell.
pub fn password() -> String {
    letters(&bytes::<32>())
}

/// Five bits of each byte, as letters and digits.
pub fn letters(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

/// Eight letters and digits.
pub fn nonce() -> String {
    password()[..8].to_owned()
}

/// Between 0 and 1.
pub fn fraction() -> f64 {
    f64::from(u32::from_le_bytes(bytes())) / f64::from(u32::MAX)
}
