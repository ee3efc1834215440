//! A server in a process of its own, so that its CPU time can be told apart.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, stdin};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::compare::Contender;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) pid: u32,
    _child: Child,
    /// The server watches for its end, so that it does not outlive a parent that was killed.
    _stdin: Option<ChildStdin>,
}

impl Server {
    /// Starts this very program with arguments that make it a server.
    pub(crate) async fn start(arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().ok_or("the server has no output")?;
        let mut address = String::new();
        timeout(START, BufReader::new(out).read_line(&mut address)).await??;
        let address = address.trim().to_owned();
        if address.is_empty() {
            return Err(format!("no server by {arguments:?}: it did not start").into());
        }
        Ok(Self {
            address,
            pid: child.id().ok_or("the server has ended")?,
            _stdin: child.stdin.take(),
            _child: child,
        })
    }
}

/// Serves one contender on a free port of loopback, prints the address and ends with standard input.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(contender: Contender) -> Result<(), Box<dyn Error>> {
    let say = |address: &str| writeln!(stdout(), "{address}");
    let listen = async || {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        say(&listener.local_addr()?.to_string())?;
        Ok::<_, std::io::Error>(listener)
    };
    let serving = async {
        match contender {
            Contender::Bare => Ok(super::axum_reqwest::serve(listen().await?).await?),
            Contender::Tonic => Ok(super::tonic::serve(listen().await?).await?),
            Contender::Polywire | Contender::PolywireHttp2 => {
                // Held until the end: dropping the transport stops its listener.
                let provider = super::polywire::serve().await?;
                say(&provider.address)?;
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        served = serving => served,
        _ = parent_gone() => Ok(()),
    }
}

/// Waits for the end of standard input.
pub(crate) async fn parent_gone() -> std::io::Result<()> {
    let mut rest = Vec::new();
    stdin().read_to_end(&mut rest).await?;
    Ok(())
}
