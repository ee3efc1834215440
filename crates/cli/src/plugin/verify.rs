//! `polywire plugin verify`.

use std::io::{self, Write};

use clap::Args;
use polywire::plugin::publish::Problem;
use serde_json::json;

use super::open::{Reader, told};
use super::print::plain;
use crate::format::{Format, print, printed};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    at: Reader,
}

/// Checks everything; returns whether all is well.
///
/// # Errors
/// What kept it from being done.
pub(super) fn act(Arguments { at }: &Arguments) -> Result<bool, String> {
    let audit = at.open()?.verify().map_err(|error| told(&error))?;
    let problems = audit.problems.iter();
    let value = json!({
        "plugins": audit.plugins,
        "releases": audit.releases,
        "problems": problems
            .map(|Problem { path, code, why }| json!({"path": path, "code": code, "why": why}))
            .collect::<Vec<_>>(),
    });
    if at.format == Format::Text {
        for Problem { path, code, why } in &audit.problems {
            let line = plain(&format!("{}: {code}: {why}", path.display()));
            printed(writeln!(io::stderr(), "{line}"))?;
        }
    }
    print(at.format, &value, || {
        format!(
            "{}, {}, {}\n",
            counted(audit.plugins, "plugin"),
            counted(audit.releases, "release"),
            counted(audit.problems.len(), "problem")
        )
    })?;
    Ok(audit.problems.is_empty())
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
