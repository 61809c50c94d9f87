use std::net::IpAddr;

use super::Scalar;
use crate::finding::visible;

/// A block of addresses, `10.0.0.0/8` or `fd00::/8`, without bits behind its prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub text: String,
    pub is_v6: bool,
}

impl Scalar for Cidr {
    const FORMAT: &'static str = "cidr";
    const EXPECTED: &'static str = "an address block such as `10.0.0.0/8`, `203.0.113.7/32` or `fd00::/8`";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no address block", visible(text));
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
        let (bits, length) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        if prefix > length {
            return Err(format!("`/{prefix}` is longer than an address of {length} bits"));
        }
        // The API server only warns of these bits, but what they mean differs between network plugins.
        if prefix < 128 && bits << prefix != 0 {
            return Err(format!("`{}` has bits behind its prefix", visible(text)));
        }
        Ok(Self { text: text.to_owned(), is_v6: address.is_ipv6() })
    }
}
