//! `cargo xtask demo`: the same program over every transport, with nothing but another configuration.

mod deploy;
mod live;
mod process;
mod report;
mod shop;
mod table;
mod transport;

use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::Args;

use crate::broker::{self, Supplied};
use crate::command::{cargo, run};
use crate::{Result, tree};
use deploy::Repository;
pub use process::Role;
pub use report::{OK, Report};
use shop::Shop;
use transport::Layout;
pub use transport::{TRANSPORTS, Transport};

/// How to show it.
#[derive(Clone, Debug, Args)]
#[non_exhaustive]
pub struct Arguments {
    /// The orders to process, instead of the example's own
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Build for speed first, which takes longer and shows latencies that mean something
    #[arg(long)]
    pub release: bool,
}

/// What the demonstration runs, and where it keeps its reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Demo {
    /// The example program.
    pub program: PathBuf,
    /// Its provider as a plugin.
    pub plugins: Plugins,
    /// The orders to process.
    pub data: PathBuf,
    /// A folder for reports; it is made.
    pub reports: PathBuf,
    /// Whether the consumer's progress is shown on the error output.
    pub progress: bool,
}

/// The libraries of the example's provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plugins {
    /// Its first release.
    pub first: PathBuf,
    /// The one after it.
    pub next: PathBuf,
    /// The first one of the next major.
    pub two: PathBuf,
}

impl Plugins {
    /// Those that cargo has built into a folder.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        let library = |name| {
            let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
            folder.join(format!("{prefix}{name}{suffix}"))
        };
        Self {
            first: library("shop_orders"),
            next: library("shop_orders_next"),
            two: library("shop_orders_two"),
        }
    }
}

impl Demo {
    /// A demonstration of a built program.
    #[must_use]
    pub fn new(program: PathBuf, plugins: Plugins, data: PathBuf, reports: PathBuf) -> Self {
        Self {
            program,
            plugins,
            data,
            reports,
            progress: false,
        }
    }

    /// Runs it over every transport there is, then shows a refusal and how it is resolved, and a provider that is replaced
    /// while it is called.
    ///
    /// # Errors
    /// The first thing that did not go as it must; what was printed until then stays.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        std::fs::create_dir_all(&self.reports)?;
        let broker = broker::for_demo();
        let mut rows = Vec::new();
        let mut left_out = Vec::new();
        for transport in TRANSPORTS {
            match self.shop(transport, &broker) {
                Ok(shop) => rows.push((transport.name, shop.process("^1.2", 1))),
                Err(missing) => left_out.push((transport.name, missing)),
            }
        }
        show(&rows, out)?;
        for (name, missing) in left_out {
            writeln!(out, "{name} is left out: {missing}")?;
        }
        let mut processes = TRANSPORTS
            .iter()
            .filter(|transport| transport.has_processes());
        if let Some(transport) = processes.next() {
            self.migrate(transport, &broker, out)?;
            for other in processes {
                self.switch(transport, other, &broker, out)?;
            }
        }
        for transport in TRANSPORTS {
            if let Layout::Loading(loading) = &transport.layout {
                self.live(transport, loading, out)?;
            }
        }
        broker.map_or(Ok(()), Supplied::stop)
    }

    /// A consumer of the next major is refused, and served once its provider offers both.
    fn migrate(
        &self,
        transport: &'static Transport,
        broker: &Result<Supplied>,
        out: &mut dyn Write,
    ) -> Result<()> {
        let shop = self.shop(transport, broker)?;
        let refusal = shop.refusal("^2", 2)?;
        writeln!(
            out,
            "\na consumer that requires ^2, while 1.4.0 is all there is, is refused before any handler runs:"
        )?;
        writeln!(out, "  {refusal}")?;
        let report = shop.with_versions("1,2").process("^2", 2)?;
        writeln!(
            out,
            "\nthe same consumer, once 2.0.0 is served beside 1.4.0, whose subscriber notices nothing:"
        )?;
        show(&[(transport.name, Ok(report))], out)
    }

    /// The processes of one transport, with its configuration file, over another.
    fn switch(
        &self,
        from: &'static Transport,
        to: &'static Transport,
        broker: &Result<Supplied>,
        out: &mut dyn Write,
    ) -> Result<()> {
        let Ok(shop) = self.shop(to, broker) else {
            // Said where its row is missing.
            return Ok(());
        };
        let report = shop.switched_from(from).process("^1.2", 1);
        writeln!(
            out,
            "\nthe same processes with {}.toml, switched by {}={}:",
            from.name,
            shop::SWITCH,
            to.name
        )?;
        show(&[(to.name, report)], out)
    }

    /// The example over a transport, told of the broker where it needs one.
    ///
    /// # Errors
    /// Why there is no broker.
    fn shop(&self, transport: &'static Transport, broker: &Result<Supplied>) -> Result<Shop<'_>> {
        let mut settings = Vec::new();
        if let Some(brokered) = transport.brokered {
            let broker = broker.as_ref().map_err(ToString::to_string)?;
            settings.push((brokered.url, broker.url().to_owned()));
            settings.push((brokered.namespace, unique()));
            settings.push((brokered.expiry.0, brokered.expiry.1.to_owned()));
        }
        if let Layout::Loading(loading) = &transport.layout {
            let repository = Repository::create(&self.reports, transport.name)?;
            repository.deploy(&repository.publish(&self.plugins.first)?, None)?;
            settings.extend(repository.settings(loading));
        }
        Ok(Shop::new(self, transport, settings))
    }
}

/// Shows what ran, which must have gone well.
fn show(rows: &[(&str, Result<Report>)], out: &mut dyn Write) -> Result<()> {
    writeln!(out, "{}", table::of(rows))?;
    for (name, outcome) in rows {
        outcome
            .as_ref()
            .map_err(ToString::to_string)
            .and_then(|report| report.check().map_err(|error| error.to_string()))
            .map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// A name that no other run has.
fn unique() -> String {
    let random = RandomState::new().hash_one(std::process::id());
    format!("demo-{random:016x}")
}

/// Builds the example and runs the demonstration.
///
/// # Errors
/// As [`Demo::run`], and when the example does not build.
pub(crate) fn task(arguments: &Arguments) -> Result<()> {
    let mut words = vec!["build", "--package", "shop", "--bins", "--examples"];
    let profile = if arguments.release {
        words.push("--release");
        "release"
    } else {
        "debug"
    };
    let mut build = cargo(words);
    build.stdin(Stdio::null());
    run(build)?;
    let built = tree::target().join(profile);
    let program = built.join(format!("shop{}", std::env::consts::EXE_SUFFIX));
    let plugins = Plugins::within(&built.join("examples"));
    let own = tree::root().join("examples/shop/data/orders.json");
    let data = arguments.data.clone().unwrap_or(own);
    let reports = tree::target().join("polywire").join("demo");
    let mut demo = Demo::new(program, plugins, data, reports);
    demo.progress = std::io::stderr().is_terminal();
    demo.run(&mut std::io::stdout().lock())?;
    if !arguments.release {
        eprintln!("(a debug build: add --release for latencies that mean something)");
    }
    Ok(())
}
