//! Free ports that stay free while a broker is down for a moment.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;

use crate::Result;

/// Below what systems give to outgoing connections, which could otherwise take the port of a node that is restarted.
const RANGE: std::ops::Range<u16> = 12_000..32_000;
/// How many are tried. Most are free on any machine.
const TRIES: usize = 200;

/// Distinct ports of the loopback address that nobody listens on.
///
/// # Errors
/// When hardly any is free.
pub(crate) fn free<const COUNT: usize>() -> Result<[u16; COUNT]> {
    let mut held: Vec<(u16, TcpListener)> = Vec::with_capacity(COUNT);
    for number in 0..TRIES {
        if held.len() == COUNT {
            break;
        }
        // Two calls agree on nothing, not even in two processes at once.
        let random = RandomState::new().hash_one(number);
        let size = u64::from(RANGE.end - RANGE.start);
        let port = RANGE.start + u16::try_from(random % size).unwrap_or_default();
        // Held until all are found, so that none is found twice.
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
    }
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    ports.try_into().map_err(|found: Vec<u16>| {
        format!("{TRIES} tries found {} of {COUNT} free ports from {} to {} on 127.0.0.1: close what holds them", found.len(), RANGE.start, RANGE.end)
            .into()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_distinct_free_and_not_for_outgoing_connections() {
        let ports = free::<12>().unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
        for port in ports {
            assert!(RANGE.contains(&port));
            TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
    }
}
