//! Which addresses a request may go to: those of the public internet, and what the platform excepts.
//!
//! The kinds follow the special-purpose registries of IANA (RFC 6890 and its successors). IPv6 is the other way round:
//! only what is global unicast is public, and of that not what carries another address inside or is set apart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What an address is, where it is not one of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    /// The host itself, or no address at all.
    Unspecified,
    /// The host itself.
    Loopback,
    /// Somebody's own network.
    Private,
    /// Only this wire; also where clouds keep what a machine may know of itself.
    LinkLocal,
    /// A cloud's service for the machines in it.
    Metadata,
    /// A provider's own network behind its translation of addresses.
    Shared,
    /// Many at once.
    Multicast,
    /// All at once.
    Broadcast,
    /// For examples in texts.
    Documentation,
    /// For measuring networks.
    Benchmarking,
    /// Carries an IPv4 address of which nobody can say where it ends.
    Tunnel,
    /// Set apart for anything else.
    Reserved,
}

impl Special {
    /// In words, for the record.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "an unspecified address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud's metadata address",
            Self::Shared => "a shared address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Documentation => "an address for documentation",
            Self::Benchmarking => "an address for benchmarks",
            Self::Tunnel => "an address that carries another one",
            Self::Reserved => "a reserved address",
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

/// The first that holds an address says what it is.
const SPECIAL_V4: &[(Ipv4Net, Special)] = &[
    (v4(0, 0, 0, 0, 8), Special::Unspecified),
    (v4(127, 0, 0, 0, 8), Special::Loopback),
    (v4(10, 0, 0, 0, 8), Special::Private),
    (v4(172, 16, 0, 0, 12), Special::Private),
    (v4(192, 168, 0, 0, 16), Special::Private),
    (v4(169, 254, 169, 254, 32), Special::Metadata),
    (v4(169, 254, 0, 0, 16), Special::LinkLocal),
    // Oracle's older one, Alibaba's, and Azure's, which lies in the public range.
    (v4(192, 0, 0, 192, 32), Special::Metadata),
    (v4(100, 100, 100, 200, 32), Special::Metadata),
    (v4(168, 63, 129, 16, 32), Special::Metadata),
    (v4(100, 64, 0, 0, 10), Special::Shared),
    (v4(192, 0, 0, 0, 24), Special::Reserved),
    (v4(192, 0, 2, 0, 24), Special::Documentation),
    (v4(198, 51, 100, 0, 24), Special::Documentation),
    (v4(203, 0, 113, 0, 24), Special::Documentation),
    (v4(198, 18, 0, 0, 15), Special::Benchmarking),
    (v4(192, 88, 99, 0, 24), Special::Tunnel),
    (v4(224, 0, 0, 0, 4), Special::Multicast),
    (v4(255, 255, 255, 255, 32), Special::Broadcast),
    (v4(240, 0, 0, 0, 4), Special::Reserved),
];

const SPECIAL_V6: &[(Ipv6Net, Special)] = &[
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), Special::Unspecified),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), Special::Loopback),
    // IPv4-compatible, Teredo, 6to4, and translation within one network.
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96), Special::Tunnel),
    (v6(0x2001, 0, 0, 0, 32), Special::Tunnel),
    (v6(0x2002, 0, 0, 0, 16), Special::Tunnel),
    (v6(0x64, 0xff9b, 1, 0, 48), Special::Tunnel),
    (v6(0x2001, 2, 0, 0, 48), Special::Benchmarking),
    (v6(0x2001, 0, 0, 0, 23), Special::Reserved),
    (v6(0x2001, 0xdb8, 0, 0, 32), Special::Documentation),
    (v6(0x3fff, 0, 0, 0, 20), Special::Documentation),
    (Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128), Special::Metadata),
    (v6(0xfc00, 0, 0, 0, 7), Special::Private),
    (v6(0xfe80, 0, 0, 0, 10), Special::LinkLocal),
    // Site-local, as unique local addresses were first called.
    (v6(0xfec0, 0, 0, 0, 10), Special::Private),
    (v6(0xff00, 0, 0, 0, 8), Special::Multicast),
];

/// All that is global unicast today.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 0, 3);

/// The translation to IPv4 that a whole network shares, RFC 6052: it carries its IPv4 address at its end.
const TRANSLATED_V6: Ipv6Net = v6(0x64, 0xff9b, 0, 0, 96);

/// Whether a request may go to `address`; `exceptions` are the platform's.
///
/// # Errors
///
/// What the address is.
pub(super) fn check(address: IpAddr, exceptions: &[IpNet]) -> Result<(), Special> {
    // What is mapped is IPv4 to the kernel: it is judged as that, by the exceptions too.
    let address = address.to_canonical();
    match special(address) {
        Some(special) if !exceptions.iter().any(|network| network.contains(&address)) => Err(special),
        _ => Ok(()),
    }
}

fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) if TRANSLATED_V6.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            special_v4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V6(address) => {
            let found = SPECIAL_V6.iter().find(|(network, _)| network.contains(&address));
            let otherwise = || (!GLOBAL_V6.contains(&address)).then_some(Special::Reserved);
            found.map(|(_, special)| *special).or_else(otherwise)
        }
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    SPECIAL_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, special)| *special)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(address: &str) -> Result<(), Special> {
        check(address.parse().unwrap(), &[])
    }

    #[test]
    fn addresses_of_the_public_internet_may_be_reached() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "168.63.129.15",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "3ffe::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(found(address), Ok(()), "{address}");
        }
    }

    #[test]
    fn every_special_kind_is_told_at_both_of_its_ends() {
        use Special::*;
        for (address, kind) in [
            ("0.0.0.0", Unspecified),
            ("0.255.255.255", Unspecified),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("100.64.0.0", Shared),
            ("100.127.255.255", Shared),
            ("100.100.100.200", Metadata),
            ("127.0.0.1", Loopback),
            ("127.255.255.255", Loopback),
            ("168.63.129.16", Metadata),
            ("169.254.0.0", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.255.255", LinkLocal),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("192.0.0.0", Reserved),
            ("192.0.0.192", Metadata),
            ("192.0.2.255", Documentation),
            ("192.88.99.1", Tunnel),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("198.18.0.0", Benchmarking),
            ("198.19.255.255", Benchmarking),
            ("198.51.100.1", Documentation),
            ("203.0.113.255", Documentation),
            ("224.0.0.0", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.0", Reserved),
            ("255.255.255.254", Reserved),
            ("255.255.255.255", Broadcast),
            ("::", Unspecified),
            ("::1", Loopback),
            ("::2", Tunnel),
            ("::127.0.0.1", Tunnel),
            ("::8.8.8.8", Tunnel),
            ("::1:0:0:0", Reserved),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:a9fe:a9fe", Metadata),
            ("::ffff:10.1.2.3", Private),
            ("::ffff:0:0", Unspecified),
            ("::fffe:8.8.8.8", Reserved),
            ("64:ff9b::127.0.0.1", Loopback),
            ("64:ff9b::169.254.169.254", Metadata),
            ("64:ff9b::192.168.0.1", Private),
            ("64:ff9b:0:1::8.8.8.8", Reserved),
            ("64:ff9b:1::8.8.8.8", Tunnel),
            ("100::1", Reserved),
            ("1fff:ffff::1", Reserved),
            ("2001::1", Tunnel),
            ("2001:0:53aa:64c:0:0:80ff:fffe", Tunnel),
            ("2001:1::1", Reserved),
            ("2001:2::1", Benchmarking),
            ("2001:20::1", Reserved),
            ("2001:1ff:ffff::1", Reserved),
            ("2001:db8::1", Documentation),
            ("2002:7f00:1::", Tunnel),
            ("2002:808:808::1", Tunnel),
            ("3fff:fff::1", Documentation),
            ("4000::1", Reserved),
            ("5f00::1", Reserved),
            ("fc00::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fd00:ec2::255", Private),
            ("fdff:ffff::1", Private),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Private),
            ("feff::1", Private),
            ("ff02::1", Multicast),
            ("ffff::1", Multicast),
        ] {
            assert_eq!(found(address), Err(kind), "{address}");
        }
    }

    #[test]
    fn an_exception_lets_through_what_it_names_and_nothing_beside_it() {
        let exceptions: Vec<IpNet> = ["127.0.0.0/30", "fd00:1::/32"].map(|network| network.parse().unwrap()).into();
        let excepted = |address: &str| check(address.parse().unwrap(), &exceptions).is_ok();
        for address in ["127.0.0.1", "127.0.0.3", "::ffff:127.0.0.2", "fd00:1::5", "1.1.1.1"] {
            assert!(excepted(address), "{address}");
        }
        for address in
            ["127.0.0.4", "10.0.0.1", "::1", "64:ff9b::127.0.0.1", "::127.0.0.1", "fd00:2::5", "2002:7f00:1::"]
        {
            assert!(!excepted(address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn what_the_standard_library_calls_special_is_special_here(bits in any::<u32>()) {
            let address = Ipv4Addr::from(bits);
            let special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_unspecified() || address.is_multicast() || address.is_broadcast()
                || address.is_documentation();
            if special {
                prop_assert!(check(address.into(), &[]).is_err(), "{}", address);
            }
            // Mapped and translated, it is the same; carried in any other way, it is never let through.
            prop_assert_eq!(check(address.to_ipv6_mapped().into(), &[]), check(address.into(), &[]));
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b);
            prop_assert_eq!(check(translated.into(), &[]), check(address.into(), &[]));
            let inverted = !bits;
            for carrier in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 1, 2, 3, 4, (inverted >> 16) as u16, inverted as u16),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, a, b),
            ] {
                prop_assert!(check(carrier.into(), &[]).is_err(), "{}", carrier);
            }
        }

        #[test]
        fn nothing_outside_of_global_unicast_is_let_through(bits in any::<u128>()) {
            let address = Ipv6Addr::from(bits);
            let is_translated = TRANSLATED_V6.contains(&address) || address.to_ipv4_mapped().is_some();
            if bits >> 125 != 1 && !is_translated {
                prop_assert!(check(address.into(), &[]).is_err(), "{}", address);
            }
        }
    }
}
