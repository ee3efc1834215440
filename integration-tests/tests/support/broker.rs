//! The broker of this test binary, and what is in it.

use std::time::Instant;

use polywire_test_broker::{Broker, Node, Options};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

static BROKER: Mutex<Option<Broker>> = Mutex::const_new(None);

/// The broker, for one test at a time: what one does to it, or to the machine, is not what another measures.
pub(crate) async fn broker() -> MappedMutexGuard<'static, Broker> {
    let mut broker = BROKER.lock().await;
    // A test that failed may have left it in any state.
    if !broker.as_mut().is_some_and(|broker| broker.is_running()) {
        *broker = Some(Broker::start(&Options::new()).unwrap());
    }
    MutexGuard::map(broker, |broker| broker.as_mut().unwrap())
}

/// Queues and exchanges of one test, at one broker.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The prefix of all their names.
    pub(crate) namespace: String,
    urls: Vec<String>,
    queue_type: &'static str,
}

impl Place {
    pub(crate) fn new(namespace: &str, urls: &[String]) -> Self {
        Self {
            namespace: namespace.to_owned(),
            urls: urls.to_vec(),
            queue_type: "quorum",
        }
    }

    /// The same with classic queues.
    pub(crate) fn classic(self) -> Self {
        Self {
            queue_type: "classic",
            ..self
        }
    }

    /// The same, reached by another address.
    pub(crate) fn through(&self, address: &str) -> Self {
        Self {
            urls: vec![format!("amqp://guest:guest@{address}/%2f")],
            ..self.clone()
        }
    }

    /// The keys of a transport's section.
    pub(crate) fn keys(&self) -> String {
        let Self {
            namespace,
            urls,
            queue_type,
        } = self;
        format!("url = {urls:?}\nnamespace = {namespace:?}\nqueue_type = {queue_type:?}\n")
    }

    /// How many messages the queues and shelves hold, settled or not, by name without the prefix; empty ones are left out.
    pub(crate) fn held(&self, node: &Node) -> Vec<(String, u64)> {
        let listed = node.ctl(&["list_queues", "name", "messages"]);
        let prefix = format!("{}.", self.namespace);
        let held = |line: &str| {
            let (name, messages) = line.strip_prefix(&prefix)?.split_once('\t')?;
            let messages = messages.trim().parse().ok()?;
            (messages > 0).then(|| (name.to_owned(), messages))
        };
        listed.unwrap().lines().filter_map(held).collect()
    }

    /// Waits until nothing is held: all is handled and settled, and nothing was set aside.
    pub(crate) fn emptied(&self, node: &Node) {
        let end = Instant::now() + super::PATIENCE;
        // Each look takes the tool a second.
        while let held @ [_, ..] = &self.held(node)[..] {
            assert!(Instant::now() < end, "still held: {held:?}");
        }
    }
}
