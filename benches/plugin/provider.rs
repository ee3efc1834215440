//! The provider of the benches as a plugin, and the same work behind a bare function.

use std::sync::Arc;

use polywire_benches::contract::{Orders, contract_at};
use polywire_benches::payload::Order;
use polywire_contract::Contract;
use polywire_core::{ContractClient, Error, ErrorKind, Result, Service, Session, codec};
use polywire_plugin_export::{Export, Setup};

fn described() -> Result<Arc<Contract>> {
    contract_at(crate::VERSION).map_err(|error| Error::new(ErrorKind::Config, error.to_string()))
}

pub(crate) fn server(_: &Setup) -> Result<Export> {
    Ok(Service::new(Orders::new(described()?))?.into())
}

/// What the macro reads the contract from; the benches have no generated client.
pub(crate) struct Client(Session);

impl ContractClient for Client {
    fn contract() -> Result<Arc<Contract>> {
        described()
    }

    fn new(session: Session) -> Self {
        Self(session)
    }

    fn session(&self) -> &Session {
        &self.0
    }
}

/// Decodes an order, quotes it and encodes the quote: what a library is that somebody writes for one host. The caller gives
/// the buffer; the length of the answer comes back, 0 when something is wrong.
///
/// # Safety
/// As many bytes as they say are behind both pointers.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn bare_quote(
    request: *const u8,
    length: usize,
    reply: *mut u8,
    room: usize,
) -> usize {
    // SAFETY: the caller promises.
    let request = unsafe { std::slice::from_raw_parts(request, length) };
    let quoted = codec::decode::<Order>(request).and_then(|order| codec::encode(&order.quote()));
    let Ok(quoted) = quoted else { return 0 };
    if quoted.len() > room {
        return 0;
    }
    // SAFETY: the caller promises, and there is room.
    unsafe { std::ptr::copy_nonoverlapping(quoted.as_ptr(), reply, quoted.len()) };
    quoted.len()
}
