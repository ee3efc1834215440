//! Calls, as a plugin reads them, and its host those that it makes.

use polywire_plugin_abi::read::CallView;
use polywire_plugin_abi::{Headers, raw, write_header};
use proptest::prelude::*;

use crate::exact::{Exact, Lent};

const CALL: u32 = 64;

/// Headers, of which sometimes a byte is another, or some are missing.
fn headers() -> impl Strategy<Value = Vec<u8>> {
    let good = prop::collection::vec(("[a-z-]{0,20}", "\\PC{0,40}"), 0..6);
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    let cut = prop::option::weighted(0.2, any::<prop::sample::Index>());
    (good, damage, cut).prop_map(|(good, damage, cut)| {
        let mut bytes = Vec::new();
        for (name, value) in good {
            write_header(&mut bytes, &name, &value).unwrap();
        }
        if let Some((at, byte)) = damage.filter(|_| !bytes.is_empty()) {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_call_is_read_as_it_is_or_refused(
        size in prop_oneof![10 => CALL..=4096_u32, 1 => any::<u32>(), 1 => 0..CALL],
        headers in Lent::of(headers()),
        body in Lent::of(prop::collection::vec(any::<u8>(), 0..100)),
        indices in any::<[u32; 2]>(),
    ) {
        let mut kept = Vec::new();
        let call = raw::Call {
            size,
            id: 7,
            timeout_ns: 9,
            contract: indices[0],
            method: indices[1],
            headers: headers.slice(&mut kept),
            body: body.slice(&mut kept),
        };
        let memory = Exact::structure(&call, size, 4);
        let sound = headers.there().is_some_and(|bytes| Headers::read(bytes).is_ok());
        let valid = (CALL..=4096).contains(&size) && sound && body.there().is_some();
        // SAFETY: it is as large as it says, and so is what it points to.
        match unsafe { CallView::read(memory.at()) } {
            Ok(view) => {
                prop_assert!(valid, "{call:?} is not valid and was read");
                prop_assert_eq!(view.body, &body.bytes[..]);
                let read: usize = view.headers.map(|(name, value)| 6 + name.len() + value.len()).sum();
                prop_assert_eq!(read, headers.bytes.len());
                prop_assert_eq!(view.method.is_none(), indices[1] == raw::BY_NAME);
            }
            Err(error) => {
                prop_assert!(!valid, "{call:?} is valid and was refused: {error}");
                prop_assert!(error.field.starts_with("call."), "{}", error);
            }
        }
    }
}
