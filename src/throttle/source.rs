use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use http::{HeaderMap, HeaderName};

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

/// The address that a client had, where `proxies` proxies of one's own stand in front, each of which
/// **appends** the address that it saw to the field `name`, such as `x-forwarded-for`.
///
/// What stands before those entries, the client may have written itself, so it is not looked at. With
/// fewer entries than proxies the answer is `None`: the request did not come the way that it should.
///
/// # Example
///
/// ```
/// use http::{HeaderMap, HeaderName};
/// use tower_oauth2_password::throttle::forwarded_for;
///
/// let name = HeaderName::from_static("x-forwarded-for");
/// let mut headers = HeaderMap::new();
/// headers.insert(&name, "6.6.6.6, 192.0.2.7".parse()?); // the client wrote 6.6.6.6
/// assert_eq!(forwarded_for(&headers, &name, 1), Some("192.0.2.7".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn forwarded_for(headers: &HeaderMap, name: &HeaderName, proxies: usize) -> Option<IpAddr> {
    let mut entries = Vec::new();
    for field in headers.get_all(name) {
        entries.extend(field.to_str().ok()?.split(','));
    }
    let at = entries.len().checked_sub(proxies.max(1))?;
    entries[at].trim().parse().ok()
}
