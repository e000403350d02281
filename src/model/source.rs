use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Where a request comes from, as far as one who pays for it can be told from another: an IPv4
/// address, or the 64 bits of an IPv6 address that name a network. Whoever has one of these has
/// all addresses in it. An IPv4 address that is written as an IPv6 one (`::ffff:192.0.2.1`, or
/// `64:ff9b::192.0.2.1` behind a translator, RFC 6052) is an IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

/// `64:ff9b::/96`, by which an IPv6 host reaches IPv4 hosts.
const TRANSLATED: u128 = 0x0064_ff9b << 64;

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) if address.to_bits() >> 32 == TRANSLATED => {
                let [.., a, b, c, d] = address.octets();
                Self(IpAddr::from([a, b, c, d]))
            }
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Self(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}
