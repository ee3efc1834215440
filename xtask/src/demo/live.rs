//! A provider that is replaced while it is called, in the process that calls it.

use std::io::Write;
use std::time::{Duration, Instant};

use super::deploy::Repository;
use super::process::Role;
use super::report::Report;
use super::shop::Shop;
use super::transport::{Loading, Transport};
use super::{Demo, OK};
use crate::Result;

/// The consumer's deployment window: short, so that nobody waits long to see it pass.
const WINDOW: &str = "2s";
/// How long the consumer may take to say anything.
const SOON: Duration = Duration::from_secs(60);

impl Demo {
    /// Upgrades, refuses, rolls back and cuts off a provider under calls.
    ///
    /// # Errors
    /// The first thing that did not go as it must.
    pub(super) fn live(
        &self,
        transport: &'static Transport,
        loading: &Loading,
        out: &mut dyn Write,
    ) -> Result<()> {
        let repository = Repository::create(&self.reports, "live")?;
        let first = repository.publish(&self.plugins.first)?;
        let index = repository.deploy(&first, None)?;
        let mut settings = repository.settings(loading).to_vec();
        settings.push((loading.window, WINDOW.to_owned()));
        let shop = Shop::new(self, transport, settings);
        let path = shop.fresh_report("kiosk")?;
        let kiosk = shop.kiosk(&path)?;
        kiosk.line("kiosk served", SOON)?;
        repository.followed(&index)?;
        writeln!(
            out,
            "\na process with four callers that require ^1.2, whose provider is replaced in it:"
        )?;
        writeln!(out, "  {} serves", first.id.version())?;

        let next = repository.publish(&self.plugins.next)?;
        let took = repository.followed(&repository.deploy(&next, None)?)?;
        let version = next.id.version();
        writeln!(out, "  {version} is deployed, and serves {took:.1?} later")?;

        let two = repository.publish(&self.plugins.two)?;
        let Err(refusal) = repository.deploy(&two, Some(1)) else {
            return Err("a release without major 1 was deployed for it".into());
        };
        let other = two.id.version();
        writeln!(out, "  {other} cannot take its place: {refusal}")?;
        repository.followed(&repository.deploy(&two, None)?)?;
        writeln!(
            out,
            "  {other} is deployed beside it, and {version} serves on"
        )?;

        let took = repository.followed(&repository.roll_back(&next)?)?;
        let version = first.id.version();
        writeln!(out, "  {version} is back {took:.1?} after a rollback")?;

        repository.rename("repository", "away")?;
        let away = Instant::now();
        let refusal = kiosk.line("kiosk refused", SOON)?;
        let took = away.elapsed();
        if !refusal.contains("deployment window") {
            return Err(format!("a call failed while its provider was replaced: {refusal}").into());
        }
        writeln!(
            out,
            "  the repository is taken away: calls go on for {took:.1?}, and are refused from then on:\n    {refusal}"
        )?;
        repository.rename("away", "repository")?;
        let back = Instant::now();
        kiosk.line("kiosk served", SOON)?;
        let took = back.elapsed();
        writeln!(out, "  it is back: calls are let in {took:.1?} later")?;

        finish(kiosk, &path, out)
    }
}

/// Ends the consumer, and tells what became of its calls.
fn finish(kiosk: Role, path: &std::path::Path, out: &mut dyn Write) -> Result<()> {
    kiosk.stop(SOON)?;
    let report = Report::read(path)?;
    let Some(shown) = report.kiosk.filter(|_| report.verdict == OK) else {
        return Err(format!("the kiosk: {}", report.verdict).into());
    };
    writeln!(
        out,
        "  {} calls were answered; {} were refused, all while the repository was away",
        shown.answered, shown.refused
    )?;
    Ok(())
}
