//! One node.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::home::{Keeper, Place};
use crate::options::Options;
use crate::process::{Leader, until};
use crate::{Result, answer, process};

/// How long a node may take until it answers. On a machine of its own it takes 5 to 10 seconds.
pub(crate) const START: Duration = Duration::from_secs(120);
/// How long a node may take to end when it is asked to.
const STOP: Duration = Duration::from_secs(60);
/// How long a command of its tools may take.
const TOOL: Duration = Duration::from_secs(60);
/// How long one attempt to talk to it may take.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How much of a log tells why a node did not start.
const TAIL: usize = 60;
/// RabbitMQ's own advice is more. A thousand, as systems begin with, is used up by a few hundred queues.
const OPEN_FILES: &str = r#"ulimit -n 20000 2>/dev/null || ulimit -n "$(ulimit -H -n)"; exec "$@""#;

/// Where a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) amqp: u16,
    pub(crate) tls: Option<u16>,
    /// Where nodes and tools talk to it.
    pub(crate) distribution: u16,
}

impl Site {
    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.amqp)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.amqp).into()
    }

    /// Runs `rabbitmqctl` for this node.
    pub(crate) fn ctl(&self, place: &Place, arguments: &[&str]) -> Result<String> {
        let mut command = place.command(place.installation.program("rabbitmqctl"));
        command
            .args(["--quiet", "--node", &self.name])
            .args(arguments);
        let output = process::output(command, TOOL)?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let said = [output.stdout, output.stderr].concat();
            Err(format!(
                "rabbitmqctl {}: {}: {}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&said).trim()
            )
            .into())
        }
    }

    /// How the server is run.
    fn server(&self, place: &Place) -> Result<Command> {
        let folder = &place.folder;
        let mut command = place.command("sh");
        command.args(["-c", OPEN_FILES, "sh"]);
        command.arg(place.installation.program("rabbitmq-server"));
        command
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_CONFIG_FILE", self.file(place, "conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.file(place, "plugins"))
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            // Nodes share the machine with the tests, so they do not spin while they wait.
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            );
        let out = File::create(self.output_file(place))?;
        command
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out);
        Ok(command)
    }

    fn write_files(&self, place: &Place, options: &Options, peers: &[String]) -> Result<()> {
        let conf = options.conf_file(self.tls.unwrap_or_default(), peers);
        fs::write(self.file(place, "conf"), conf)?;
        Ok(fs::write(
            self.file(place, "plugins"),
            options.plugins_file(),
        )?)
    }

    fn file(&self, place: &Place, extension: &str) -> PathBuf {
        place.folder.join(format!("{}.{extension}", self.name))
    }

    /// What the server prints: of interest when it does not get as far as its log.
    fn output_file(&self, place: &Place) -> PathBuf {
        place.folder.join("log").join(format!("{}.out", self.name))
    }

    fn log_file(&self, place: &Place) -> PathBuf {
        place.folder.join("log").join(format!("{}.log", self.name))
    }

    /// The last lines of what it printed and of its log.
    fn tail(&self, place: &Place) -> String {
        let mut lines = Vec::new();
        for path in [self.output_file(place), self.log_file(place)] {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let all: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect();
            lines.push(format!("  {}:", path.display()));
            let last = all.iter().skip(all.len().saturating_sub(TAIL));
            lines.extend(last.map(|line| format!("    {line}")));
        }
        lines.join("\n")
    }
}

/// A node that ends with this value.
#[derive(Debug)]
pub struct Node {
    site: Site,
    place: Place,
    keeper: Arc<Keeper>,
    server: Option<Leader>,
}

impl Node {
    /// Starts it, without waiting until it answers.
    pub(crate) fn spawn(
        site: Site,
        place: Place,
        keeper: Arc<Keeper>,
        options: &Options,
        peers: &[String],
    ) -> Result<Self> {
        site.write_files(&place, options, peers)?;
        let mut node = Self {
            site,
            place,
            keeper,
            server: None,
        };
        node.run()?;
        Ok(node)
    }

    fn run(&mut self) -> Result<()> {
        let server = Leader::start(self.site.server(&self.place)?)?;
        let id = server.id();
        self.server = Some(server);
        self.keeper.note(&self.site.name, Some(id))
    }

    /// Waits until it answers AMQP, on every port.
    pub(crate) fn ready(&mut self, within: Duration) -> Result<()> {
        let (site, mut last) = (self.site.clone(), String::new());
        let Some(server) = &mut self.server else {
            return Err(format!("{} was not started", site.name).into());
        };
        let place = &self.place;
        let ready = until(within, || {
            if let Some(status) = server.ended()? {
                return Err(format!("{} ended: {status}\n{}", site.name, site.tail(place)).into());
            }
            let answered = answer::answers(site.address(), ATTEMPT).and_then(|()| match site.tls {
                Some(port) => TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                    .map(drop)
                    .map_err(|error| format!("127.0.0.1:{port}, TLS: {error}")),
                None => Ok(()),
            });
            match answered {
                Ok(()) => Ok(Some(())),
                Err(error) => {
                    last = error;
                    Ok(None)
                }
            }
        })?;
        ready.ok_or_else(|| {
            format!(
                "{} does not answer AMQP within {within:?}: {last}\n{}",
                site.name,
                site.tail(place)
            )
            .into()
        })
    }

    /// Its name among nodes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.site.name
    }

    /// Where AMQP is spoken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.site.address()
    }

    /// The url of its default vhost, for the user `guest`.
    #[must_use]
    pub fn url(&self) -> String {
        self.site.url()
    }

    /// The port of TLS, where [`Options::tls`] asked for it.
    #[must_use]
    pub fn tls_port(&self) -> Option<u16> {
        self.site.tls
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.site.log_file(&self.place)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs `rabbitmqctl` for this node and returns what it prints.
    ///
    /// # Errors
    /// What it printed, when it failed or took more than a minute.
    pub fn ctl(&self, arguments: &[&str]) -> Result<String> {
        self.site.ctl(&self.place, arguments)
    }

    /// Whether its process runs.
    pub fn is_running(&mut self) -> bool {
        let server = self.server.as_mut();
        server.is_some_and(|server| matches!(server.ended(), Ok(None)))
    }

    /// Asks it to end, as an operator would, and waits until it has. What it stored stays.
    ///
    /// # Errors
    /// When it has not ended after a minute; it is then killed.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        if let Ok(None) = server.ended() {
            server.ask_to_end()?;
        }
        let ended = server.wait(STOP);
        server.kill();
        self.keeper.note(&self.site.name, None)?;
        match ended? {
            Some(_) => Ok(()),
            None => Err(format!(
                "{} did not end within {STOP:?} and was killed",
                self.site.name
            )
            .into()),
        }
    }

    /// Ends it at once, as a power failure would. What it stored stays.
    ///
    /// # Errors
    /// When this broker was left to itself.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.kill();
        }
        self.keeper.note(&self.site.name, None)
    }

    /// Starts it again on what it stored, at the same ports, and waits until it answers. It is stopped first where it runs.
    ///
    /// # Errors
    /// When it does not end, or does not answer within two minutes; the end of its log says why.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.run()?;
        self.ready(START)
    }

    /// Lets it run on.
    pub(crate) fn leave(mut self) -> Site {
        self.server = None;
        self.site.clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }
}
