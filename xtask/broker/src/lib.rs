//! Private RabbitMQ nodes for tests, out of the programs that are installed on this machine.
//!
//! Each [`Broker`] and [`Cluster`] has its own folder, cookie, ports and name service, listens on loopback alone and reads no
//! configuration of the machine, so that any number of them run beside each other and beside the machine's own. All of it
//! ends with its owner, however that ends: by returning, by a panic, or killed.
//!
//! ```no_run
//! use polywire_test_broker::{Broker, Options};
//!
//! let mut broker = Broker::start(&Options::new().conf("vm_memory_high_watermark.absolute = 200MB"))?;
//! println!("{}", broker.url());
//! broker.kill()?;
//! broker.restart()?;
//! print!("{}", broker.ctl(&["list_queues", "name", "messages"])?);
//! # Ok::<(), polywire_test_broker::Error>(())
//! ```

mod answer;
mod broker;
mod cluster;
mod guard;
mod home;
mod installation;
mod left;
mod node;
mod options;
mod ports;
mod process;

pub use answer::answers;
pub use broker::Broker;
pub use cluster::Cluster;
pub use guard::Guard;
pub use installation::Installation;
pub use left::Left;
pub use node::Node;
pub use options::{Options, Tls};
pub use process::output;

/// What goes wrong, in one text for whoever runs the tests.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
