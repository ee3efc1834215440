//! The transports that the demonstration runs over. A further one is a further entry.

use std::path::PathBuf;

use crate::tree;

/// One transport of the demonstration. Its configuration is `examples/shop/NAME.toml`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transport {
    /// The name that configuration uses.
    pub name: &'static str,
    /// How provider, consumer and subscriber are spread.
    pub layout: Layout,
    /// For a transport that needs a broker, how the roles are told of it.
    pub brokered: Option<Brokered>,
    /// The setting of a folder that each role has for itself, for a transport that keeps what it was given.
    pub store: Option<&'static str>,
    /// What every role is told besides.
    pub settings: &'static [(&'static str, &'static str)],
}

/// How the roles are spread over processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// All roles in one process.
    OneProcess,
    /// Consumer and subscriber in one process, which loads the provider.
    Loading(Loading),
    /// A process for each role.
    Processes {
        /// For a transport whose providers listen themselves.
        listening: Option<Listening>,
    },
}

/// Which settings connect consumers to a provider that listens on a free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The provider's setting, and its value for any free port.
    pub listen: (&'static str, &'static str),
    /// The consumers' setting, which takes the address that the provider prints once it listens.
    pub reach: &'static str,
}

/// Which settings tell a process where it finds what it loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loading {
    /// The setting of the repository's folder.
    pub repository: &'static str,
    /// The setting of the keys whose signatures count.
    pub keys: &'static str,
    /// The setting of a folder of the process's own.
    pub state: &'static str,
    /// The setting of how long it goes on without them.
    pub window: &'static str,
}

/// Which settings connect all roles to a broker, where they share nothing with anybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brokered {
    /// The setting of the broker's url.
    pub url: &'static str,
    /// The setting of what all names at the broker begin with.
    pub namespace: &'static str,
    /// The setting of how long what nobody uses stays, and its value.
    pub expiry: (&'static str, &'static str),
}

/// Every transport, in the order of the table.
pub const TRANSPORTS: &[Transport] = &[
    Transport {
        name: "memory",
        layout: Layout::OneProcess,
        brokered: None,
        store: None,
        settings: &[],
    },
    Transport {
        name: "http",
        layout: Layout::Processes {
            listening: Some(Listening {
                listen: ("POLYWIRE_TRANSPORT_HTTP_LISTEN", "127.0.0.1:0"),
                reach: "POLYWIRE_TRANSPORT_HTTP_URL",
            }),
        },
        brokered: None,
        store: None,
        settings: &[],
    },
    Transport {
        name: "amqp",
        layout: Layout::Processes { listening: None },
        brokered: Some(Brokered {
            url: "POLYWIRE_TRANSPORT_AMQP_URL",
            namespace: "POLYWIRE_TRANSPORT_AMQP_NAMESPACE",
            // What a demonstration leaves at a broker that is not its own.
            expiry: ("POLYWIRE_TRANSPORT_AMQP_EXPIRE_UNUSED", "60s"),
        }),
        store: None,
        settings: &[],
    },
    Transport {
        name: "webhook",
        layout: Layout::Processes {
            listening: Some(Listening {
                listen: ("POLYWIRE_TRANSPORT_WEBHOOK_LISTEN", "127.0.0.1:0"),
                reach: "POLYWIRE_TRANSPORT_WEBHOOK_URL",
            }),
        },
        brokered: None,
        store: Some("POLYWIRE_TRANSPORT_WEBHOOK_STORE"),
        settings: &[
            // Consumers listen too, for what is delivered to them, and a provider delivers within this machine.
            ("POLYWIRE_TRANSPORT_WEBHOOK_LISTEN", "127.0.0.1:0"),
            ("POLYWIRE_TRANSPORT_WEBHOOK_SINKS_ALLOW", "127.0.0.0/8"),
        ],
    },
    Transport {
        name: "plugin",
        layout: Layout::Loading(Loading {
            repository: "POLYWIRE_TRANSPORT_PLUGIN_REPOSITORY",
            keys: "POLYWIRE_TRANSPORT_PLUGIN_KEYS",
            state: "POLYWIRE_TRANSPORT_PLUGIN_STATE",
            window: "POLYWIRE_TRANSPORT_PLUGIN_WINDOW",
        }),
        brokered: None,
        store: None,
        settings: &[],
    },
];

impl Transport {
    /// The configuration of the example for this transport.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        tree::root().join(format!("examples/shop/{}.toml", self.name))
    }

    /// Whether each role has a process of its own.
    #[must_use]
    pub fn has_processes(&self) -> bool {
        matches!(self.layout, Layout::Processes { .. })
    }
}
