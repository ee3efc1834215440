//! The contract macro of Polywire: a trait becomes client, server, publisher and contract.json.
