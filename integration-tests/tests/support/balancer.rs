//! One address for several: connections go to each in turn, as with a load balancer that knows nothing of versions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The address, and whom it stands for right now.
#[derive(Clone)]
pub(crate) struct Balancer {
    /// Host and port.
    pub(crate) address: String,
    behind: Arc<Mutex<Vec<String>>>,
    cuts: watch::Sender<u64>,
}

impl Balancer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (behind, turn) = (Arc::<Mutex<Vec<String>>>::default(), AtomicUsize::new(0));
        let (cuts, seen) = watch::channel(0);
        let targets = behind.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let targets = targets.lock().unwrap().clone();
                let turn = turn.fetch_add(1, Ordering::Relaxed);
                // With nobody behind it, the connection ends here.
                let Some(target) = targets.get(turn % targets.len().max(1)).cloned() else {
                    continue;
                };
                let mut cut = seen.clone();
                cut.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut target) = TcpStream::connect(target).await else {
                        return;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut stream, &mut target) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            behind,
            cuts,
        }
    }

    /// New connections go to these addresses from now on; those that are open stay where they are.
    pub(crate) fn point_at(&self, addresses: &[&str]) {
        *self.behind.lock().unwrap() = addresses.iter().map(ToString::to_string).collect();
    }

    /// Ends every open connection without a word, whatever is under way.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}
