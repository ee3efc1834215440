//! Measures, prints and writes `benches/RESULTS.md`.

use std::error::Error;
use std::fs;
use std::io::{Write as _, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use polywire_test_broker::{Broker, Options};
use polywire_test_postgres::Server;

use polywire_benches::http::{Contender, Plan, compare, serve};
use polywire_benches::processor;
use polywire_benches::{amqp, machine, memory, plugin, report, runtime, webhook};

/// What Polywire costs beside what it replaces.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value_t = What::All)]
    what: What,
    /// Fewer and shorter rounds, under a minute in all; nothing is written.
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    command: Option<Hidden>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Memory,
    Http,
    Amqp,
    Webhook,
    Plugin,
    All,
}

#[derive(Debug, Subcommand)]
enum Hidden {
    /// The server of one contender, started by the measuring process.
    #[command(hide = true)]
    Serve {
        #[arg(value_enum)]
        contender: Contender,
        /// The only one that it uses.
        #[arg(long)]
        processor: Option<usize>,
    },
    /// What webhooks are posted to, started by the measuring process.
    #[command(hide = true)]
    Sink,
    /// Only memory calls, or only their encoding, a fixed number of times: for counting instructions under a profiler.
    #[command(hide = true)]
    Repeat {
        #[arg(value_enum)]
        what: memory::Part,
        times: u32,
        bytes: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(Hidden::Serve {
        processor: Some(processor),
        ..
    }) = arguments.command
    {
        processor::keep_to(processor)?;
    }
    let runtime = runtime()?;
    match arguments.command {
        Some(Hidden::Serve { contender, .. }) => runtime.block_on(async {
            tokio::spawn(async move { serve(contender).await.map_err(|error| error.to_string()) })
                .await?
                .map_err(Into::into)
        }),
        Some(Hidden::Sink) => runtime.block_on(webhook::serve()),
        Some(Hidden::Repeat { what, times, bytes }) => {
            runtime.block_on(memory::repeat(what, times, bytes))
        }
        None => runtime.block_on(measure(arguments)),
    }
}

async fn measure(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut out = stdout();
    let mut sections = Vec::new();
    let wants = |what| matches!(arguments.what, What::All) || arguments.what == what;
    if wants(What::Memory) {
        let time = Duration::from_millis(if arguments.quick { 1500 } else { 5000 });
        let mut figures = Vec::new();
        for bytes in [256, 4096] {
            figures.push(memory::measure(bytes, time).await?);
        }
        let section = format!("## Memory\n\n{}", report::memory_table(&figures));
        writeln!(out, "{section}\n")?;
        sections.push(section);
    }
    if wants(What::Http) {
        let plan = plan(arguments.quick);
        let progress = |bytes, concurrency| {
            let _ = writeln!(stderr(), "{bytes} B, {concurrency} callers ...");
        };
        let cases = compare(&plan, progress)?;
        let section = format!(
            "## HTTP\n\n{}\n\n{}",
            report::http_table(&cases),
            report::http_notes(&plan, &cases)
        );
        writeln!(out, "{section}")?;
        sections.push(section);
    }
    if wants(What::Amqp) {
        let plan = amqp_plan(arguments.quick);
        let (url, _broker) = broker()?;
        let progress = |queue_type| {
            let _ = writeln!(stderr(), "{queue_type:?} queues ...");
        };
        let cases = amqp::compare(&plan, &url, progress).await?;
        let section = format!(
            "## AMQP\n\n{}\n\n{}",
            report::amqp_table(&cases),
            report::amqp_notes(&plan)
        );
        writeln!(out, "{section}")?;
        sections.push(section);
    }
    if wants(What::Webhook) {
        let plan = webhook_plan(arguments.quick);
        let (url, _server) = postgres()?;
        let progress = |round| {
            let _ = writeln!(stderr(), "webhooks, round {round} ...");
        };
        let figures = webhook::compare(&plan, &url, progress).await?;
        let section = format!(
            "## Webhooks\n\n{}\n\n{}",
            report::webhook_table(&figures),
            report::webhook_notes(&plan, &figures)
        );
        writeln!(out, "{section}")?;
        sections.push(section);
    }
    if wants(What::Plugin) {
        let time = Duration::from_millis(if arguments.quick { 1500 } else { 5000 });
        let mut cases = Vec::new();
        for bytes in [256, 4096] {
            cases.push(plugin::measure(bytes, time).await?);
        }
        let swaps = plugin::swaps(if arguments.quick { 10 } else { 40 }).await?;
        let section = format!(
            "## Plugins\n\n{}\n\n{}",
            report::plugin_table(&cases),
            report::plugin_notes(&swaps)
        );
        writeln!(out, "{section}\n")?;
        sections.push(section);
    }
    if !arguments.quick {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let page = if arguments.what == What::All {
            report::page(&machine::facts(), &sections)
        } else {
            let before = fs::read_to_string(&path)?;
            sections
                .iter()
                .fold(before, |page, section| report::replaced(&page, section))
        };
        fs::write(&path, page)?;
        writeln!(out, "\nwrote {}", path.display())?;
    }
    Ok(())
}

fn amqp_plan(quick: bool) -> amqp::Plan {
    amqp::Plan {
        bytes: 256,
        rounds: if quick { 3 } else { 9 },
        events: if quick { 4000 } else { 10_000 },
        window: 1000,
    }
}

fn webhook_plan(quick: bool) -> webhook::Plan {
    webhook::Plan {
        bytes: 1024,
        rounds: if quick { 3 } else { 9 },
        events: if quick { 4000 } else { 10_000 },
        window: 512,
    }
}

/// The database of `POLYWIRE_TEST_POSTGRES_URL`, or that of a private server for as long as this measures.
fn postgres() -> Result<(String, Option<Server>), Box<dyn Error>> {
    if let Ok(url) = std::env::var("POLYWIRE_TEST_POSTGRES_URL") {
        return Ok((url, None));
    }
    let server = Server::start().map_err(|error| error.to_string())?;
    Ok((server.url("postgres"), Some(server)))
}

/// The broker of `POLYWIRE_TEST_AMQP_URL`, or a private node for as long as this measures.
fn broker() -> Result<(String, Option<Broker>), Box<dyn Error>> {
    if let Ok(url) = std::env::var("POLYWIRE_TEST_AMQP_URL") {
        return Ok((url, None));
    }
    let broker = Broker::start(&Options::new()).map_err(|error| error.to_string())?;
    Ok((broker.url(), Some(broker)))
}

fn plan(quick: bool) -> Plan {
    Plan {
        sizes: vec![256, 4096],
        concurrency: vec![1, 16, 64],
        rounds: if quick { 5 } else { 9 },
        turn: Duration::from_millis(if quick { 400 } else { 1200 }),
    }
}
