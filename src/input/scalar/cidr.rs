use std::net::IpAddr;

use super::{Scalar, is_decimal};
use crate::finding::visible;

/// A block of addresses, `10.0.0.0/8` or `fd00::/8`, without bits behind its prefix; as RFC 5952 writes it, since the API server warns
/// of any other way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cidr {
    /// As it was written.
    pub text: String,
}

impl Cidr {
    /// Whether it is every address of its family.
    pub fn is_everything(&self) -> bool {
        self.text.ends_with("/0")
    }
}

impl serde::Serialize for Cidr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl Scalar for Cidr {
    const FORMAT: &'static str = "cidr";
    const EXPECTED: &'static str = "an address block such as `10.0.0.0/8`, `203.0.113.7/32` or `fd00::/8`";
    const PATTERN: &'static str = r"^[0-9A-Fa-f:.]+/(0|[1-9][0-9]{0,2})$";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no address block", visible(text));
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        // As the API server has it: `netutils.ParseCIDRSloppy`.
        let prefix: u32 = prefix.parse().ok().filter(|_| is_decimal(prefix)).ok_or_else(wrong)?;
        let (bits, length) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        if matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
            return Err(format!("`{}` is an IPv4 block in IPv6's clothes: write it as IPv4", visible(text)));
        }
        if prefix > length {
            return Err(format!("`/{prefix}` is longer than an address of {length} bits"));
        }
        // The API server only warns of these bits, but what they mean differs between network plugins.
        if prefix < 128 && bits << prefix != 0 {
            return Err(format!("`{}` has bits behind its prefix", visible(text)));
        }
        Ok(Self { text: format!("{address}/{prefix}") })
    }
}

#[cfg(test)]
mod tests {
    use super::{Cidr, Scalar as _};

    #[test]
    fn blocks_are_what_the_api_server_takes() {
        for text in ["0.0.0.0/0", "10.0.0.0/8", "203.0.113.7/32", "::/0", "fd00::/8", "2001:db8::1/128"] {
            assert!(Cidr::parse(text).is_ok(), "{text}");
        }
        for (text, canonical) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("2001:0db8:0:0:0:0:0:0/32", "2001:db8::/32"),
            ("0::0/0", "::/0"),
            ("2001:db8:0:1:0:0:0:0/64", "2001:db8:0:1::/64"),
            ("64:ff9b::192.0.2.33/128", "64:ff9b::c000:221/128"),
            ("::1.2.3.4/128", "::102:304/128"),
        ] {
            assert_eq!(Cidr::parse(text).unwrap().text, canonical);
        }
        for text in [
            "10.1.0.0",
            "10.1.0.0/",
            "10.1.0.0/+16",
            "10.1.0.0/-0",
            "10.1.0.0/016",
            "10.1.0.0/00",
            "10.1.0.0/ 16",
            "10.1.0.0/33",
            "10.1.0.0/8",
            "010.0.0.0/8",
            "10.0/8",
            "fd00::/129",
            "fd00::1/8",
            "fe80::%eth0/64",
            "::ffff:10.0.0.0/104",
        ] {
            assert!(Cidr::parse(text).is_err(), "{text}");
        }
    }
}
