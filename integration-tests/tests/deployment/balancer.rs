//! One address for all replicas: connections go to each in turn, as with a load balancer that knows nothing of versions.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The address, and whom it stands for right now.
#[derive(Clone)]
pub(crate) struct Balancer {
    pub(crate) url: String,
    replicas: Arc<Mutex<Vec<String>>>,
}

impl Balancer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let replicas = Arc::<Mutex<Vec<String>>>::default();
        let (behind, turn) = (replicas.clone(), AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let replicas = behind.lock().unwrap().clone();
                let turn = turn.fetch_add(1, Ordering::Relaxed);
                // With nobody behind it, the connection ends here.
                let Some(replica) = replicas.get(turn % replicas.len().max(1)).cloned() else {
                    continue;
                };
                tokio::spawn(async move {
                    if let Ok(mut replica) = TcpStream::connect(replica).await {
                        let _ = copy_bidirectional(&mut stream, &mut replica).await;
                    }
                });
            }
        });
        Self { url, replicas }
    }

    /// New connections go to these from now on; those that are open stay where they are.
    pub(crate) fn point_at(&self, replicas: &[&super::replica::Replica]) {
        *self.replicas.lock().unwrap() = replicas
            .iter()
            .map(|replica| replica.address.clone())
            .collect();
    }
}
