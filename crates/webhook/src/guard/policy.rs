//! What an operator allows beyond the public internet, and what not at all.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::address::{end, is_public};
use super::error::GuardError;

/// Which sinks deliveries may go to. The default allows `https` on port 443 at public addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
    ports: Vec<u16>,
    plaintext: bool,
    own_addresses: Vec<SocketAddr>,
    own_origins: Vec<(String, u16)>,
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A text is no network.
    #[error(
        "{found:?} is no network: write an address and the length of its prefix, such as 10.1.0.0/16 or fd00::/8"
    )]
    Network {
        /// The text.
        found: String,
    },
    /// A list is too long.
    #[error(
        "{found} entries in the {list} of sinks: expected at most {}",
        Policy::MAX_ENTRIES
    )]
    TooMany {
        /// The list.
        list: &'static str,
        /// How many it has.
        found: usize,
    },
}

/// What is known of a sink when its addresses are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            ports: vec![443],
            plaintext: false,
            own_addresses: Vec::new(),
            own_origins: Vec::new(),
        }
    }
}

impl Policy {
    /// The most entries of each list, and the most addresses of a name.
    pub const MAX_ENTRIES: usize = 64;

    /// The same, with networks whose addresses are allowed although they are not public, on every port and without
    /// encryption: for development and for private networks. What leads to one only in part stays refused.
    ///
    /// # Errors
    /// When a text is no network (RFC 4632 notation), or there are more than [`MAX_ENTRIES`](Self::MAX_ENTRIES).
    pub fn allow<T: AsRef<str>>(mut self, networks: &[T]) -> Result<Self, PolicyError> {
        self.allow = read("allow-list", networks)?;
        Ok(self)
    }

    /// The same, with networks that are refused although they may be public, or inside an allowed one.
    ///
    /// # Errors
    /// As [`allow`](Self::allow).
    pub fn deny<T: AsRef<str>>(mut self, networks: &[T]) -> Result<Self, PolicyError> {
        self.deny = read("deny-list", networks)?;
        Ok(self)
    }

    /// The same, with the ports that deliveries go to at public addresses.
    ///
    /// # Errors
    /// When there are more than [`MAX_ENTRIES`](Self::MAX_ENTRIES).
    pub fn ports(mut self, ports: &[u16]) -> Result<Self, PolicyError> {
        bounded("ports", ports.len())?;
        self.ports = ports.to_vec();
        Ok(self)
    }

    /// The same, with or without `http` at public addresses; with it port 80 is allowed as well.
    #[must_use]
    pub fn plaintext(mut self, allowed: bool) -> Self {
        self.plaintext = allowed;
        self
    }

    /// The same, with the addresses that this service listens on: a delivery to itself would never end. One on all of the
    /// machine's addresses counts as every loopback address on its port.
    ///
    /// # Errors
    /// As [`ports`](Self::ports).
    pub fn own_addresses(mut self, own: &[SocketAddr]) -> Result<Self, PolicyError> {
        bounded("own addresses", own.len())?;
        self.own_addresses = own.to_vec();
        Ok(self)
    }

    /// The same, with the names and ports under which this service is known, such as `("orders.example.com", 443)`.
    ///
    /// # Errors
    /// As [`ports`](Self::ports).
    pub fn own_origins(mut self, own: &[(&str, u16)]) -> Result<Self, PolicyError> {
        bounded("own origins", own.len())?;
        let name = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
        self.own_origins = own.iter().map(|(host, port)| (name(host), *port)).collect();
        Ok(self)
    }

    /// What can be said before addresses are known; a name that may lead into the allow-list is judged when it is dialled.
    pub(super) fn check_name(&self, asked: Asked<'_>) -> Result<(), GuardError> {
        let host = asked.host.trim_end_matches('.');
        let is_own = |(own, port): &(String, u16)| own == host && *port == asked.port;
        if self.own_origins.iter().any(is_own) {
            return Err(GuardError::Own);
        }
        if self.allow.is_empty() {
            self.check_public(asked)
        } else {
            Ok(())
        }
    }

    /// Whether every address passes.
    pub(super) fn check(&self, asked: Asked<'_>, addresses: &[IpAddr]) -> Result<(), GuardError> {
        if addresses.is_empty() {
            return Err(GuardError::Unresolved);
        }
        if addresses.len() > Self::MAX_ENTRIES {
            return Err(GuardError::Refused);
        }
        let mut exempt = true;
        for address in addresses {
            let address = end(*address);
            let listed = |list: &[IpNet]| list.iter().any(|network| network.contains(&address));
            let allowed = listed(&self.allow);
            if listed(&self.deny) || !(allowed || is_public(address)) {
                return Err(GuardError::Refused);
            }
            if self.is_own(address, asked.port) {
                return Err(GuardError::Own);
            }
            exempt &= allowed;
        }
        if exempt {
            Ok(())
        } else {
            self.check_public(asked)
        }
    }

    fn check_public(&self, asked: Asked<'_>) -> Result<(), GuardError> {
        if is_local_name(asked.host) {
            return Err(GuardError::Refused);
        }
        if !asked.tls && !self.plaintext {
            return Err(GuardError::Plaintext);
        }
        if self.ports.contains(&asked.port) || (self.plaintext && asked.port == 80) {
            return Ok(());
        }
        let mut valid: Vec<_> = self.ports.iter().map(ToString::to_string).collect();
        if self.plaintext {
            valid.push("80".into());
        }
        Err(GuardError::Port {
            found: asked.port,
            valid: valid.join(", "),
        })
    }

    fn is_own(&self, address: IpAddr, port: u16) -> bool {
        self.own_addresses.iter().any(|own| {
            let same =
                end(own.ip()) == address || (own.ip().is_unspecified() && address.is_loopback());
            own.port() == port && same
        })
    }
}

/// Whether a name is one of this machine or this network: RFC 6761, RFC 6762, RFC 8375, and `internal`, which ICANN reserved;
/// and one without a dot, which the resolver's search list completes.
fn is_local_name(host: &str) -> bool {
    const LOCAL: [&str; 6] = [
        "localhost",
        "localdomain",
        "local",
        "internal",
        "home.arpa",
        "onion",
    ];
    let host = host.trim_end_matches('.');
    if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return false;
    }
    !host.contains('.')
        || LOCAL.iter().any(|local| {
            let rest = host
                .len()
                .checked_sub(local.len())
                .and_then(|at| host.split_at_checked(at));
            rest.is_some_and(|(before, end)| {
                end.eq_ignore_ascii_case(local) && before.ends_with('.')
            })
        })
}

fn read<T: AsRef<str>>(list: &'static str, networks: &[T]) -> Result<Vec<IpNet>, PolicyError> {
    bounded(list, networks.len())?;
    let network = |text: &T| {
        let text = text.as_ref();
        text.parse::<IpNet>().map_err(|_| PolicyError::Network {
            found: text.chars().take(64).collect(),
        })
    };
    networks.iter().map(network).collect()
}

fn bounded(list: &'static str, found: usize) -> Result<(), PolicyError> {
    if found > Policy::MAX_ENTRIES {
        return Err(PolicyError::TooMany { list, found });
    }
    Ok(())
}
