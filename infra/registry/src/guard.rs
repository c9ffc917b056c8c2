//! Which addresses a connection may go to.
//!
//! Image names come from whoever deploys, and redirects from the registry: without a guard either
//! could point the gate at a metadata server or into the private network. Names are checked when
//! the connection is made, on the very addresses that are then used, so that a name cannot answer
//! twice (DNS rebinding); literal addresses never reach the resolver and are checked in the URL.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which addresses a host may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Public ones only.
    Public,
    /// Any: the host is listed with `allow_private`.
    Anywhere,
}

/// An address that is not public, of a host that is not listed for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address {address} of {host} is not public; if that is meant, list the host with allowPrivate: true"
)]
pub(crate) struct AddressRefused {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
}

/// Checks a URL whose host is a literal address.
pub(crate) fn check_literal(url: &Url, reach: Reach) -> Result<(), AddressRefused> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if reach == Reach::Anywhere || is_public(address) {
        Ok(())
    } else {
        Err(AddressRefused {
            host: address.to_string(),
            address,
        })
    }
}

/// Resolves names to their public addresses.
#[derive(Debug)]
pub(crate) struct PublicResolver;

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses = public_of(name.as_str(), found)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn public_of(
    host: &str,
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, AddressRefused> {
    let (public, other): (Vec<_>, Vec<_>) = found.partition(|address| is_public(address.ip()));
    match other.first() {
        Some(refused) if public.is_empty() => Err(AddressRefused {
            host: host.to_owned(),
            address: refused.ip(),
        }),
        _ => Ok(public),
    }
}

/// Whether an address is globally reachable (IANA special-purpose address registries, RFC 6890).
/// Addresses that carry another one inside are judged by that one.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    match address.segments() {
        // NAT64 (RFC 6052): the IPv4 address is in the last 32 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded_v4(high, low)),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => is_public_v4(embedded_v4(high, low)),
        // Protocol assignments, Teredo among them, and documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Everything else that is global is in 2000::/3.
        [first, ..] => (first & 0xe000) == 0x2000,
    }
}

fn embedded_v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("127.0.0.1")]
    #[case("10.1.2.3")]
    #[case("172.16.0.1")]
    #[case("192.168.1.1")]
    #[case("169.254.169.254")]
    #[case("100.64.0.1")]
    #[case("0.0.0.0")]
    #[case("255.255.255.255")]
    #[case("224.0.0.1")]
    #[case("198.18.0.1")]
    #[case("::1")]
    #[case("::")]
    #[case("::127.0.0.1")]
    #[case("::ffff:169.254.169.254")]
    #[case("64:ff9b::a9fe:a9fe")]
    #[case("2002:7f00:1::")]
    #[case("fe80::1")]
    #[case("fd00:ec2::254")]
    #[case("ff02::1")]
    #[case("2001:db8::1")]
    fn special_addresses_are_not_public(#[case] address: IpAddr) {
        assert!(!is_public(address));
    }

    #[rstest]
    #[case("8.8.8.8")]
    #[case("172.32.0.1")]
    #[case("2607:f8b0::1")]
    #[case("::ffff:8.8.8.8")]
    #[case("64:ff9b::808:808")]
    fn global_addresses_are_public(#[case] address: IpAddr) {
        assert!(is_public(address));
    }

    #[rstest]
    #[case("http://127.1/")]
    #[case("http://0x7f000001/")]
    #[case("http://2852039166/")]
    #[case("http://[::ffff:10.0.0.1]/")]
    fn every_spelling_of_a_literal_is_checked(#[case] url: Url) {
        assert!(check_literal(&url, Reach::Public).is_err());
        assert!(check_literal(&url, Reach::Anywhere).is_ok());
    }

    #[test]
    fn only_the_public_addresses_of_a_name_are_used() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mixed = [address("10.0.0.1:0"), address("8.8.8.8:0")];
        assert_eq!(
            public_of("host.example", mixed.into_iter()),
            Ok(vec![address("8.8.8.8:0")])
        );
        let refused = public_of("host.example", [address("10.0.0.1:0")].into_iter()).unwrap_err();
        insta::assert_snapshot!(refused, @"the address 10.0.0.1 of host.example is not public; if that is meant, list the host with allowPrivate: true");
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_judged_as_the_inner_one(bits: u32) {
            let inner = Ipv4Addr::from(bits);
            prop_assert_eq!(
                is_public(IpAddr::V6(inner.to_ipv6_mapped())),
                is_public(IpAddr::V4(inner))
            );
        }
    }
}
