//! A broker of one node.

use std::ops::{Deref, DerefMut};

use crate::home::Home;
use crate::left::Left;
use crate::node::{Node, START, Site};
use crate::options::Options;
use crate::{Result, ports};

/// How often a start is tried again with other ports, when one was taken in the meantime.
const TRIES: usize = 3;
/// What a node logs about a port that another has.
const TAKEN: &str = "eaddrinuse";

/// A private broker, which ends with this value. It is used as the one [`Node`] that it has.
#[derive(Debug)]
pub struct Broker {
    // Ends first.
    node: Node,
    home: Home,
}

impl Broker {
    /// Starts a broker and waits until it answers.
    ///
    /// # Errors
    /// When RabbitMQ is not installed, or does not answer within two minutes; the end of its log says why.
    pub fn start(options: &Options) -> Result<Self> {
        let mut tried = 1;
        loop {
            match Self::attempt(options) {
                Err(error) if tried < TRIES && error.to_string().contains(TAKEN) => tried += 1,
                outcome => return outcome,
            }
        }
    }

    fn attempt(options: &Options) -> Result<Self> {
        let home = Home::open(options)?;
        let site = site("polywire", options)?;
        let mut node = Node::spawn(site, home.place().clone(), home.keeper()?, options, &[])?;
        node.ready(START)?;
        Ok(Self { node, home })
    }

    /// Lets it run on after this process. A temporary folder stays as well.
    #[must_use]
    pub fn leave(self) -> Left {
        let site = self.node.leave();
        Left::new(self.home.leave(), vec![site])
    }
}

impl Deref for Broker {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl DerefMut for Broker {
    fn deref_mut(&mut self) -> &mut Node {
        &mut self.node
    }
}

/// A new node's name and ports.
pub(crate) fn site(name: &str, options: &Options) -> Result<Site> {
    let [amqp, tls, distribution] = ports::free()?;
    Ok(Site {
        name: format!("{name}@localhost"),
        amqp,
        tls: options.tls.is_some().then_some(tls),
        distribution,
    })
}
