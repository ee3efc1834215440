//! Alternating rounds of all contenders over every payload size and concurrency.

use std::error::Error;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use polywire_http::Protocol;

use super::child::Server;
use super::load::{Load, Sample, load};
use super::{axum_reqwest, polywire, tonic};
use crate::processor;
use crate::runtime;

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Contender {
    /// An axum handler called by reqwest: the program one writes without Polywire.
    #[value(name = "axum+reqwest")]
    Bare,
    /// A tonic unary call.
    Tonic,
    /// A typed call of Polywire over HTTP/1.1, which it speaks unless its config says otherwise.
    Polywire,
    /// The same over one connection of HTTP/2.
    #[value(name = "polywire-http2")]
    PolywireHttp2,
}

impl Contender {
    /// All of them; what the others are compared with comes first.
    pub const ALL: [Self; 4] = [Self::Bare, Self::Tonic, Self::Polywire, Self::PolywireHttp2];

    /// The name in tables and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "axum+reqwest",
            Self::Tonic => "tonic",
            Self::Polywire => "polywire",
            Self::PolywireHttp2 => "polywire-http2",
        }
    }
}

/// What is measured and for how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Payload sizes, in bytes of JSON.
    pub sizes: Vec<usize>,
    /// Callers that wait at once.
    pub concurrency: Vec<usize>,
    /// How often every contender has its turn.
    pub rounds: usize,
    /// How long a turn counts.
    pub turn: Duration,
}

/// One payload size at one concurrency.
#[derive(Clone, Debug)]
pub struct Case {
    /// The payload size, in bytes of JSON.
    pub bytes: usize,
    /// Callers that wait at once.
    pub concurrency: usize,
    /// The samples of every contender, in the order of the rounds.
    pub samples: Vec<(Contender, Vec<Sample>)>,
}

struct Clients {
    bare: axum_reqwest::Client,
    tonic: tonic::Client,
    polywire: polywire::Client,
    polywire_http2: polywire::Client,
    servers: Vec<(Contender, Server)>,
}

impl Clients {
    /// Starts the servers, which use this processor.
    async fn start(processor: Option<usize>) -> Result<Self, Box<dyn Error>> {
        let processor = processor.map(|processor| format!("--processor={processor}"));
        let mut servers = Vec::new();
        for contender in Contender::ALL {
            let mut arguments = vec!["serve", contender.name()];
            arguments.extend(processor.as_deref());
            servers.push((contender, Server::start(&arguments).await?));
        }
        let at = |wanted| {
            servers
                .iter()
                .find(|(contender, _)| *contender == wanted)
                .map(|(_, server)| server.address.clone())
                .ok_or("a server is missing")
        };
        Ok(Self {
            bare: axum_reqwest::Client::new(&at(Contender::Bare)?)?,
            tonic: tonic::Client::new(&at(Contender::Tonic)?).await?,
            polywire: polywire::Client::new(&at(Contender::Polywire)?, Protocol::Auto).await?,
            polywire_http2: polywire::Client::new(&at(Contender::PolywireHttp2)?, Protocol::Http2)
                .await?,
            servers,
        })
    }

    async fn turn(&self, contender: Contender, one: Load) -> Result<Sample, Box<dyn Error>> {
        let server = self.servers.iter().find(|(other, _)| *other == contender);
        let pid = server.ok_or("a server is missing")?.1.pid;
        match contender {
            Contender::Bare => load(&self.bare, pid, one).await,
            Contender::Tonic => load(&self.tonic, pid, one).await,
            Contender::Polywire => load(&self.polywire, pid, one).await,
            Contender::PolywireHttp2 => load(&self.polywire_http2, pid, one).await,
        }
    }
}

/// Runs the plan on a thread and a runtime of its own, as its processor is; `progress` is told each case before it begins.
///
/// # Errors
/// When a server does not start or a call fails.
pub fn compare(
    plan: &Plan,
    progress: impl FnMut(usize, usize) + Send,
) -> Result<Vec<Case>, Box<dyn Error>> {
    let run = || -> Result<_, Box<dyn Error>> {
        let ends = processor::ends()?;
        if let Some((client, _)) = ends {
            processor::keep_to(client)?;
        }
        let server = ends.map(|(_, server)| server);
        runtime()?.block_on(rounds(plan, server, progress))
    };
    let ran = thread::scope(|scope| {
        scope
            .spawn(|| run().map_err(|error| error.to_string()))
            .join()
    });
    Ok(ran.map_err(|_| "the client panicked")??)
}

async fn rounds(
    plan: &Plan,
    processor: Option<usize>,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<Case>, Box<dyn Error>> {
    let clients = Clients::start(processor).await?;
    let mut cases = Vec::new();
    for &bytes in &plan.sizes {
        for &concurrency in &plan.concurrency {
            progress(bytes, concurrency);
            let one = Load {
                bytes,
                concurrency,
                warm_up: plan.turn / 5,
                time: plan.turn,
            };
            let mut samples: Vec<_> = Contender::ALL.map(|one| (one, Vec::new())).into();
            for _ in 0..plan.rounds {
                for (contender, own) in &mut samples {
                    own.push(clients.turn(*contender, one).await?);
                }
            }
            cases.push(Case {
                bytes,
                concurrency,
                samples,
            });
        }
    }
    Ok(cases)
}
