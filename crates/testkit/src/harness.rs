//! The entry point of a `harness = false` test target.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Trial};
use parking_lot::Mutex;
use polywire_core::Capability;

use crate::case::{Case, Report, Verdict};
use crate::cases;
use crate::factory::Factory;
use crate::table::{self, Row};

type Results = Arc<Mutex<(Option<Capability>, BTreeMap<String, String>)>>;

/// Runs the suite over a transport, as `cargo test` does: every case is one test named `TRANSPORT::topic::case`.
///
/// After a full run the result is written to the table that [`table::path`] names, beside the other transports' rows.
/// What was left out by a filter leaves the table as it was.
#[must_use]
pub fn main(transport: &str, factory: impl Factory) -> ExitCode {
    let arguments = Arguments::from_args();
    let factory: Arc<dyn Factory> = Arc::new(factory);
    let results = Results::default();
    let trials = cases::all()
        .map(|case| trial(transport, *case, factory.clone(), results.clone()))
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let full = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let (capability, cases) = std::mem::take(&mut *results.lock());
    if let Some(capability) = capability.filter(|_| full) {
        let path = table::path();
        let row = Row { capability, cases };
        if let Err(error) = table::write(&path, transport, row) {
            tracing::error!(path = %path.display(), %error, "the result table cannot be written");
            return ExitCode::FAILURE;
        }
    }
    conclusion.exit_code()
}

fn trial(transport: &str, case: Case, factory: Arc<dyn Factory>, results: Results) -> Trial {
    let name = case.name();
    Trial::ignorable_test(format!("{transport}::{name}"), move || {
        let Report {
            verdict,
            capability,
        } = case.run(&factory);
        let mut results = results.lock();
        results.0 = capability.or(results.0.take());
        results.1.insert(name, verdict.to_string());
        match verdict {
            Verdict::Passed | Verdict::Refused => Ok(Completion::Completed),
            Verdict::NotApplicable(reason) => Ok(Completion::ignored_with(reason)),
            Verdict::Failed(failure) => Err(failure.into()),
        }
    })
}
