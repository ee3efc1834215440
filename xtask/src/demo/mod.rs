//! `cargo xtask demo`: the same program over every transport, with nothing but another configuration.

mod process;
mod report;
mod shop;
mod table;
mod transport;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::Stdio;

use clap::Args;

use crate::command::{cargo, run};
use crate::{Result, tree};
pub use report::{OK, Report};
use shop::Shop;
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
    /// The orders to process.
    pub data: PathBuf,
    /// A folder for reports; it is made.
    pub reports: PathBuf,
    /// Whether the consumer's progress is shown on the error output.
    pub progress: bool,
}

impl Demo {
    /// A demonstration of a built program.
    #[must_use]
    pub fn new(program: PathBuf, data: PathBuf, reports: PathBuf) -> Self {
        Self {
            program,
            data,
            reports,
            progress: false,
        }
    }

    /// Runs it over every transport there is, then shows a refusal and how it is resolved.
    ///
    /// # Errors
    /// The first thing that did not go as it must; what was printed until then stays.
    pub fn run(&self, out: &mut dyn Write) -> Result<()> {
        std::fs::create_dir_all(&self.reports)?;
        let mut rows = Vec::new();
        for transport in TRANSPORTS {
            let outcome = transport
                .available()
                .and_then(|()| self.shop(transport).process("^1.2", 1));
            rows.push((transport.name, outcome));
        }
        writeln!(out, "{}", table::of(&rows))?;
        for (name, outcome) in &rows {
            let report = outcome
                .as_ref()
                .map_err(|error| format!("{name}: {error}"))?;
            report.check().map_err(|error| format!("{name}: {error}"))?;
        }
        match TRANSPORTS
            .iter()
            .find(|transport| transport.has_processes())
        {
            Some(transport) => self.migrate(transport, out),
            None => Ok(()),
        }
    }

    /// A consumer of the next major is refused, and served once its provider offers both.
    fn migrate(&self, transport: &'static Transport, out: &mut dyn Write) -> Result<()> {
        let shop = self.shop(transport);
        let refusal = shop.refusal("^2", 2)?;
        writeln!(
            out,
            "\na consumer that requires ^2, while 1.4.0 is all there is, is refused before any handler runs:"
        )?;
        writeln!(out, "  {refusal}")?;
        let report = shop.with_versions("1,2").process("^2", 2)?;
        report.check()?;
        writeln!(
            out,
            "\nthe same consumer, once 2.0.0 is served beside 1.4.0, whose subscriber notices nothing:"
        )?;
        writeln!(out, "{}", table::of(&[(transport.name, Ok(report))]))?;
        Ok(())
    }

    fn shop(&self, transport: &'static Transport) -> Shop<'_> {
        Shop::new(self, transport)
    }
}

/// Builds the example and runs the demonstration.
///
/// # Errors
/// As [`Demo::run`], and when the example does not build.
pub(crate) fn task(arguments: &Arguments) -> Result<()> {
    let mut words = vec!["build", "--package", "shop"];
    let profile = if arguments.release {
        words.push("--release");
        "release"
    } else {
        "debug"
    };
    let mut build = cargo(words);
    build.stdin(Stdio::null());
    run(build)?;
    let program = tree::target()
        .join(profile)
        .join(format!("shop{}", std::env::consts::EXE_SUFFIX));
    let own = tree::root().join("examples/shop/data/orders.json");
    let data = arguments.data.clone().unwrap_or(own);
    let mut demo = Demo::new(program, data, tree::target().join("polywire").join("demo"));
    demo.progress = std::io::stderr().is_terminal();
    demo.run(&mut std::io::stdout().lock())?;
    if !arguments.release {
        eprintln!("(a debug build: add --release for latencies that mean something)");
    }
    Ok(())
}
