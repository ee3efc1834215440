//! A shop in three roles that do not know which transport they talk over.
//!
//! Begin with the contract, [`v1`], then the provider, [`orders`], the consumer, [`storefront`], and the subscriber,
//! [`billing`]; a [`kiosk`] only asks. `memory.toml`, `http.toml` and `amqp.toml` are all that differs between one process and
//! three, and between talking directly and through a broker.

#![allow(
    clippy::print_stdout,
    reason = "ready lines are for whoever starts the program"
)]

pub mod billing;
pub mod kiosk;
pub mod options;
pub mod orders;
mod progress;
pub mod report;
pub mod sheet;
pub mod storefront;
pub mod v1;
pub mod v2;

use std::future::ready;

use polywire::Polywire;

use billing::Billing;
use options::{Options, Role};
use report::Report;

/// What a role ends with: its work, or why that could not be done.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Runs the roles that the command line names, to their end, and writes the report.
///
/// # Errors
/// What kept a role from doing its work.
pub async fn run(options: &Options) -> Result<()> {
    let wire = Polywire::load(&options.config)?;
    if options.roles.iter().all(|role| *role == Role::Orders) {
        serve(&wire, options).await?;
        return Ok(wire.run().await?);
    }
    let mut report = Report {
        transport: transport(options),
        ..Report::default()
    };
    if options.roles == [Role::Kiosk] {
        let rows = sheet::read(&options.data)?;
        report.kiosk = Some(kiosk::run(&wire, &rows).await?);
        "ok".clone_into(&mut report.verdict);
        return options
            .report
            .as_ref()
            .map_or(Ok(()), |path| report.write(path));
    }
    let worked = work(&wire, options, &mut report).await;
    report.verdict = worked
        .as_ref()
        .map_or_else(ToString::to_string, |()| "ok".to_owned());
    if let Some(path) = &options.report {
        report.write(path)?;
    }
    worked?;
    Ok(wire.run_until(ready(())).await?)
}

/// Provides, and tells whoever started this that it can be reached, and where.
async fn serve(wire: &Polywire, options: &Options) -> Result<()> {
    let provided = orders::serve(wire, options.serve()).await?;
    match provided.address().await {
        Some(address) => println!("ready orders {address}"),
        None => println!("ready orders"),
    }
    Ok(())
}

/// The roles that come to an end.
async fn work(wire: &Polywire, options: &Options, report: &mut Report) -> Result<()> {
    if options.has(Role::Kiosk) {
        return Err("a kiosk runs alone: name no other role".into());
    }
    let rows = sheet::read(&options.data)?;
    if options.has(Role::Orders) {
        serve(wire, options).await?;
    }
    let billing = if options.has(Role::Billing) {
        let billing = Billing::open(wire).await?;
        println!("ready billing");
        Some(billing)
    } else {
        None
    };
    let sell = async {
        if options.has(Role::Storefront) {
            report.storefront = Some(storefront::run(wire, &rows, options.major()).await?);
        }
        Ok(())
    };
    let bill = async {
        if let Some(billing) = billing {
            report.billing = Some(billing.run().await?);
        }
        Ok(())
    };
    // A storefront that failed never closes the day, so nobody waits for that.
    tokio::try_join!(sell, bill).map(|_| ())
}

/// The transport on which the configuration puts the channel.
fn transport(options: &Options) -> String {
    let report = Polywire::builder().config_file(&options.config).check();
    let orders = report
        .channels
        .into_iter()
        .find(|channel| channel.name == "orders");
    orders
        .and_then(|orders| orders.transport)
        .unwrap_or_default()
}
