//! A broker of several nodes.

use std::time::Duration;

use crate::broker::site;
use crate::home::Home;
use crate::left::Left;
use crate::node::{Node, Site};
use crate::options::Options;
use crate::{Error, Result};

/// How long all nodes together may take.
const START: Duration = Duration::from_secs(180);

/// A private cluster, which ends with this value.
#[derive(Debug)]
pub struct Cluster {
    // End first.
    nodes: Vec<Node>,
    home: Home,
}

impl Cluster {
    /// Starts so many nodes, each with these options, and waits until they are one broker.
    ///
    /// # Errors
    /// When RabbitMQ is not installed, or the nodes do not find each other within three minutes.
    pub fn start(size: usize, options: &Options) -> Result<Self> {
        let home = Home::open(options)?;
        let sites = (1..=size)
            .map(|number| site(&format!("node{number}"), options))
            .collect::<Result<Vec<_>>>()?;
        let names: Vec<String> = sites.iter().map(|site| site.name.clone()).collect();
        let mut nodes = Vec::with_capacity(size);
        for site in sites {
            let (place, keeper) = (home.place().clone(), home.keeper()?);
            nodes.push(Node::spawn(site, place, keeper, options, &names)?);
        }
        for node in &mut nodes {
            node.ready(START)?;
        }
        let cluster = Self { nodes, home };
        cluster.node(0)?.ctl(&[
            "await_online_nodes",
            &size.to_string(),
            "--timeout",
            &START.as_secs().to_string(),
        ])?;
        Ok(cluster)
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One of its nodes, counted from zero.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn node(&self, index: usize) -> Result<&Node> {
        let size = self.nodes.len();
        self.nodes.get(index).ok_or_else(|| none(index, size))
    }

    /// One of its nodes, counted from zero, to be stopped, killed or restarted.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn node_mut(&mut self, index: usize) -> Result<&mut Node> {
        let size = self.nodes.len();
        self.nodes.get_mut(index).ok_or_else(|| none(index, size))
    }

    /// The urls of all nodes.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// Lets it run on after this process. A temporary folder stays as well.
    #[must_use]
    pub fn leave(self) -> Left {
        let sites: Vec<Site> = self.nodes.into_iter().map(Node::leave).collect();
        Left::new(self.home.leave(), sites)
    }
}

fn none(index: usize, size: usize) -> Error {
    format!("no node {index}: the cluster has {size}, from 0").into()
}
