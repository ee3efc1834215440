//! A web server for the folder of a repository, which can be told to be a bad one.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

mod serve;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_plugin::fetch::{HttpFetcher, HttpRepository};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

/// What is done in place of serving a file.
#[derive(Clone, Debug)]
pub enum Fault {
    Status(u16),
    /// Never answers.
    Hangs,
    /// Answers with these bytes, whatever stands in the folder.
    Instead(Vec<u8>),
    /// Goes on for ever, without saying how large it is, as fast as it can or a byte every few milliseconds.
    Endless(Option<Duration>),
    /// Says how large the file is, and then sends a byte every few milliseconds.
    Drips(Duration),
    Redirects(String),
    Compresses,
    /// Closes the connection in the middle of the file.
    Truncates,
    /// Sends the file without saying how large it is.
    Unsized,
    /// Says that it has known the file for so many seconds.
    Aged(u32),
    /// Gives every file the same tag, and says that it was written so long ago.
    OneTag(Duration),
}

/// What a server is told and tells.
#[derive(Default)]
pub struct Shared {
    root: PathBuf,
    /// By what the path begins with.
    faults: Mutex<BTreeMap<String, Fault>>,
    /// What requests must carry.
    token: Option<String>,
    /// Whether it takes no acknowledgements.
    read_only: bool,
    /// Method, path and status, in the order of answers.
    answered: Mutex<Vec<(String, String, u16)>>,
}

impl Shared {
    fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            ..Self::default()
        }
    }
}

pub struct Web {
    address: SocketAddr,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    runtime: Option<Runtime>,
}

impl Web {
    /// Serves a folder.
    pub fn new(root: &Path) -> Self {
        Self::start(Shared::of(root), None)
    }

    /// Serves those alone who have a token.
    pub fn with_token(root: &Path, token: &str) -> Self {
        let shared = Shared {
            token: Some(token.to_owned()),
            ..Shared::of(root)
        };
        Self::start(shared, None)
    }

    /// Takes no acknowledgements.
    pub fn read_only(root: &Path) -> Self {
        let shared = Shared {
            read_only: true,
            ..Shared::of(root)
        };
        Self::start(shared, None)
    }

    /// Serves with a certificate of an authority, for its own address or for another name.
    pub fn with_tls(root: &Path, authority: &Authority, name: Option<&str>) -> Self {
        Self::start(Shared::of(root), Some((authority, name)))
    }

    fn start(shared: Shared, tls: Option<(&Authority, Option<&str>)>) -> Self {
        // An address of its own, so that nobody takes its port while it is down.
        let [a, b] = [rand::random_range(1..=254_u8), rand::random_range(1..=254)];
        let listener = TcpListener::bind(SocketAddr::from(([127, 77, a, b], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let own = address.ip().to_string();
        let tls = tls.map(|(authority, name)| authority.acceptor(name.unwrap_or(&own)));
        let mut web = Self {
            address,
            shared: Arc::new(shared),
            tls,
            runtime: None,
        };
        web.listen(listener);
        web
    }

    fn listen(&mut self, listener: TcpListener) {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(serve::accept(
            listener,
            self.shared.clone(),
            self.tls.clone(),
        ));
        self.runtime = Some(runtime);
    }

    /// Ends the server and every connection, and its socket.
    pub fn down(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A thread of its own, since the test may be in a runtime.
            let ending = thread::spawn(|| runtime.shutdown_timeout(Duration::from_secs(30)));
            ending.join().unwrap();
        }
    }

    /// Starts it again where it was.
    pub fn up(&mut self) {
        self.listen(TcpListener::bind(self.address).unwrap());
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/plugins", self.address)
    }

    /// How it is reached, by whoever does not wait long.
    pub fn repository(&self) -> HttpRepository {
        HttpRepository::new(self.url().parse().unwrap())
    }

    pub fn fetcher(&self) -> Arc<HttpFetcher> {
        Arc::new(HttpFetcher::new(&self.repository()).unwrap())
    }

    /// Has all files below a path treated so.
    pub fn fault(&self, below: &str, fault: Fault) {
        self.shared.faults.lock().insert(below.to_owned(), fault);
    }

    pub fn heal(&self) {
        self.shared.faults.lock().clear();
    }

    /// How often anything was asked of it.
    pub fn asked(&self) -> usize {
        self.shared.answered.lock().len()
    }

    /// How often such a request had such an answer.
    pub fn count(&self, method: &str, below: &str, status: u16) -> usize {
        let answered = self.shared.answered.lock();
        let fits = |found: &&(String, String, u16)| {
            found.0 == method && found.1.starts_with(below) && found.2 == status
        };
        answered.iter().filter(fits).count()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An authority that nobody else trusts, and a certificate of it for the addresses of these servers.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("Authority {:016x}", rand::random::<u64>());
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// Its certificate, in a file of a folder.
    pub fn file(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("ca-{}.pem", rand::random::<u64>()));
        fs::write(&path, self.issuer.pem()).unwrap();
        path
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
