//! Whether examples that end by a signal ask for the feature of that: a build of the whole workspace gives it to all of them, and a build
//! of one example does not.

use crate::{Result, prose, tree};

/// Checks that examples ask for the features that they use.
///
/// # Errors
/// Names those that do not.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for example in std::fs::read_dir(tree::root().join("examples"))? {
        let example = example?.path();
        let manifest = tree::read_path(&example.join("Cargo.toml"))?;
        for source in prose::files(&example.join("src"))? {
            if lacks_signals(&manifest, &tree::read_path(&source)?) {
                wrong.push(format!(
                    "{} runs until a signal: its package must ask polywire for the feature \"signal\"",
                    source.display()
                ));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn lacks_signals(manifest: &str, source: &str) -> bool {
    let mut dependencies = manifest.lines();
    let polywire = dependencies.find(|line| line.starts_with("polywire = "));
    source.contains(".run().await") && !polywire.is_some_and(|line| line.contains("\"signal\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_until_a_signal_asks_for_them() {
        let without = "[dependencies]\npolywire = { workspace = true, features = [\"http\"] }\n";
        let with = without.replace("]", ", \"signal\"]");
        assert!(lacks_signals(without, "wire.run().await?"));
        assert!(!lacks_signals(&with, "wire.run().await?"));
        assert!(!lacks_signals(without, "wire.run_until(done).await?"));
    }
}
