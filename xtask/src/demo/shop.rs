//! The example's roles over one transport, started, awaited and ended.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::Role;
use super::report::Report;
use super::transport::{Layout, Transport};
use super::{Demo, OK};
use crate::Result;

/// How long a role may take to be ready, or to end once it was asked to.
const SOON: Duration = Duration::from_secs(30);
/// How long all the work may take.
const WORK: Duration = Duration::from_secs(300);

const REQUIRE: &str = "POLYWIRE_CHANNEL_ORDERS_REQUIRE";

/// The setting that says which transport the channel is on.
pub(crate) const SWITCH: &str = "POLYWIRE_CHANNEL_ORDERS_TRANSPORT";

/// The example over one transport.
#[derive(Clone, Debug)]
pub(crate) struct Shop<'a> {
    demo: &'a Demo,
    transport: &'static Transport,
    /// Whose configuration file is used; another's than the transport's own is overridden by the environment.
    configured: &'static Transport,
    /// What every role is told by the environment.
    settings: Vec<(&'static str, String)>,
    versions: &'static str,
}

/// A provider that is ready, and how to reach it.
struct Provider {
    role: Role,
    reach: Option<(&'static str, String)>,
}

impl<'a> Shop<'a> {
    pub(crate) fn new(
        demo: &'a Demo,
        transport: &'static Transport,
        settings: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            demo,
            transport,
            configured: transport,
            settings,
            versions: "1",
        }
    }

    /// The same with another transport's configuration file, and a variable of the environment that switches it.
    pub(crate) fn switched_from(mut self, configured: &'static Transport) -> Self {
        self.configured = configured;
        self.settings.push((SWITCH, self.transport.name.to_owned()));
        self
    }

    /// The same with a provider of other versions.
    pub(crate) fn with_versions(self, versions: &'static str) -> Self {
        Self { versions, ..self }
    }

    /// Processes all orders, with a consumer of one major and its requirement.
    pub(crate) fn process(&self, require: &str, client: u8) -> Result<Report> {
        match self.transport.layout {
            Layout::OneProcess => {
                self.in_one_process(&["orders", "storefront", "billing"], require, client)
            }
            Layout::Loading(_) => self.in_one_process(&["storefront", "billing"], require, client),
            Layout::Processes { .. } => self.in_processes(require, client),
        }
    }

    fn in_one_process(&self, roles: &[&str], require: &str, client: u8) -> Result<Report> {
        let path = self.fresh_report("all")?;
        let mut command = self.command(roles);
        command.args(["--versions", self.versions, "--client", &client.to_string()]);
        command.arg("--report").arg(&path).env(REQUIRE, require);
        self.show_progress(&mut command);
        let status = Role::start("shop", command)?.finish(WORK)?;
        finished("shop", &path, status)
    }

    fn in_processes(&self, require: &str, client: u8) -> Result<Report> {
        let provider = self.provider()?;
        let (billed, sold) = (
            self.fresh_report("billing")?,
            self.fresh_report("storefront")?,
        );
        let mut command = self.consumer("billing", &provider, &billed);
        command.stderr(Stdio::null());
        let billing = Role::start("billing", command)?;
        billing.line("ready billing", SOON)?;
        let mut command = self.consumer("storefront", &provider, &sold);
        command
            .args(["--client", &client.to_string()])
            .env(REQUIRE, require);
        self.show_progress(&mut command);
        let status = Role::start("storefront", command)?.finish(WORK)?;
        let sold = finished("storefront", &sold, status)?;
        let status = billing.finish(SOON)?;
        let billed = finished("billing", &billed, status)?;
        provider.role.stop(SOON)?;
        Ok(sold.and(billed))
    }

    /// What a consumer is told whose requirement is not met.
    pub(crate) fn refusal(&self, require: &str, client: u8) -> Result<String> {
        let provider = self.provider()?;
        let path = self.fresh_report("refused")?;
        let mut command = self.consumer("storefront", &provider, &path);
        command
            .args(["--client", &client.to_string()])
            .env(REQUIRE, require);
        // What it prints is what its report says.
        command.stderr(Stdio::null());
        let status = Role::start("storefront", command)?.finish(SOON)?;
        provider.role.stop(SOON)?;
        let report = Report::read(&path)?;
        if report.verdict == OK || status.success() {
            return Err(format!(
                "a consumer that requires {require} was not refused: {status}, {report:?}"
            )
            .into());
        }
        Ok(report.verdict)
    }

    /// A consumer that goes on until it is told to end.
    pub(crate) fn kiosk(&self, report: &Path) -> Result<Role> {
        let mut command = self.command(&["kiosk"]);
        command.arg("--report").arg(report);
        // What it is told, it prints.
        command.stderr(Stdio::null());
        Role::start("kiosk", command)
    }

    fn provider(&self) -> Result<Provider> {
        let mut command = self.command(&["orders"]);
        command
            .args(["--versions", self.versions])
            .stderr(Stdio::inherit());
        let listening = match self.transport.layout {
            Layout::Processes { listening } => listening,
            Layout::OneProcess | Layout::Loading(_) => None,
        };
        if let Some(listening) = listening {
            command.env(listening.listen.0, listening.listen.1);
        }
        let role = Role::start("orders", command)?;
        let address = role.line("ready orders", SOON)?;
        let reach = listening.map(|listening| (listening.reach, address));
        Ok(Provider { role, reach })
    }

    fn consumer(&self, role: &str, provider: &Provider, report: &Path) -> Command {
        let mut command = self.command(&[role]);
        command.arg("--report").arg(report);
        if let Some((variable, address)) = &provider.reach {
            command.env(variable, address);
        }
        command
    }

    fn command(&self, roles: &[&str]) -> Command {
        let mut command = Command::new(&self.demo.program);
        command.args(roles);
        command.arg("--config").arg(self.configured.config());
        command.arg("--data").arg(&self.demo.data);
        for (variable, value) in &self.settings {
            command.env(variable, value);
        }
        for (variable, value) in self.transport.settings {
            command.env(variable, value);
        }
        if let Some(variable) = self.transport.store {
            let folder = format!("{}-{}.store", self.transport.name, roles.join("-"));
            command.env(variable, self.demo.reports.join(folder));
        }
        command
    }

    fn show_progress(&self, command: &mut Command) {
        if self.demo.progress {
            eprintln!("{}:", self.transport.name);
        }
        command.stderr(Stdio::inherit());
    }

    /// A report's path, with nothing there yet.
    pub(crate) fn fresh_report(&self, role: &str) -> Result<PathBuf> {
        let path = self
            .demo
            .reports
            .join(format!("{}-{role}.json", self.transport.name));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(path),
        }
    }
}

/// The report of a process that has ended; how it ended counts where it wrote none.
fn finished(role: &str, path: &Path, status: std::process::ExitStatus) -> Result<Report> {
    Report::read(path).map_err(|error| format!("{role}: {status}, {error}").into())
}
