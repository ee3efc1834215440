//! Addresses for the replicas of a provider that listens.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use parking_lot::Mutex;
use polywire_core::{Channel, Health, Result};

/// Addresses of this machine at which the replicas of one provider stand, one each: a world's consumers know them all before
/// the first replica is there.
///
/// No port that the system hands out is among them, and on Linux no address of another process of the suite, so that nobody
/// else takes one while its replica is away.
pub struct Replicas(Mutex<Vec<Place>>);

struct Place {
    address: SocketAddr,
    end: Option<Arc<dyn Channel>>,
}

impl Place {
    fn is_free(&self) -> bool {
        let end = self.end.as_ref();
        end.is_none_or(|end| end.health() == Health::Closed)
    }
}

impl Replicas {
    /// So many addresses.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let place = |_| Place {
            address: free_address(),
            end: None,
        };
        Self(Mutex::new((0..count).map(place).collect()))
    }

    /// The addresses.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.lock().iter().map(|place| place.address).collect()
    }

    /// Makes a replica at the first address where none is, or where the last one was closed; `None` when all are taken.
    ///
    /// # Errors
    /// Those of `make`.
    pub async fn start<F>(
        &self,
        make: impl FnOnce(Option<SocketAddr>) -> F + Send,
    ) -> Result<Arc<dyn Channel>>
    where
        F: Future<Output = Result<Arc<dyn Channel>>> + Send,
    {
        let free = {
            let places = self.0.lock();
            let free = places.iter().find(|place| place.is_free());
            free.map(|place| place.address)
        };
        let end = make(free).await?;
        let mut places = self.0.lock();
        if let Some(place) = places.iter_mut().find(|place| Some(place.address) == free) {
            place.end = Some(end.clone());
        }
        Ok(end)
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.addresses()).finish()
    }
}

/// Below the ports that systems hand out, and where all of 127.0.0.0/8 is this machine, on a host of this process's own.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = if cfg!(target_os = "linux") {
        [127, 1, high, low]
    } else {
        [127, 0, 0, 1]
    };
    loop {
        let port = 12_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 8_000;
        let address = SocketAddr::from((host, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
