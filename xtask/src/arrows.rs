//! Which crate may depend on which: arrows run one way, no transport knows another but webhooks HTTP, examples see the facade alone.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::command::cargo;
use crate::{Result, tree};

const CONTRACT: &str = "polywire-contract";
const CORE: &str = "polywire-core";
const MACROS: &str = "polywire-macros";
const LAYERS: &str = "polywire-layers";
const PLUGIN: &str = "polywire-plugin";
const PLUGIN_ABI: &str = "polywire-plugin-abi";
const PLUGIN_EXPORT: &str = "polywire-plugin-export";
const TESTKIT: &str = "polywire-testkit";
const FACADE: &str = "polywire";

/// A transport is named in one place, here; the facade may use each of them and nobody else any.
const TRANSPORTS: &[&str] = &["polywire-amqp", HTTP, WEBHOOK];
const HTTP: &str = "polywire-http";
const WEBHOOK: &str = "polywire-webhook";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    kind: Option<String>,
    /// Where it is, when it is no published one.
    path: Option<String>,
}

/// Checks the dependencies that the manifests state.
///
/// # Errors
/// Every arrow that runs the wrong way.
pub(crate) fn check() -> Result<()> {
    let output = cargo(["metadata", "--no-deps", "--format-version", "1"]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let wrong = wrong(&metadata, &tree::root());
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

fn allowed() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut allowed = BTreeMap::from([
        (CONTRACT, vec![]),
        (CORE, vec![CONTRACT]),
        (MACROS, vec![]),
        (LAYERS, vec![CONTRACT, CORE]),
        (TESTKIT, vec![CONTRACT, CORE]),
        (PLUGIN_ABI, vec![]),
        (PLUGIN_EXPORT, vec![CONTRACT, CORE, PLUGIN_ABI]),
        (PLUGIN, vec![CONTRACT, CORE, PLUGIN_ABI]),
        (
            FACADE,
            [&[CONTRACT, CORE, MACROS, LAYERS], TRANSPORTS].concat(),
        ),
        // What publishes plugins is for this command alone, and no part of the facade.
        ("polywire-cli", vec![FACADE, PLUGIN]),
    ]);
    for transport in TRANSPORTS {
        allowed.insert(transport, vec![CONTRACT, CORE]);
    }
    // Its API stands on the listener of HTTP, with its bounds.
    allowed.insert(WEBHOOK, vec![CONTRACT, CORE, HTTP]);
    allowed
}

fn wrong(metadata: &Metadata, root: &Path) -> Vec<String> {
    let allowed = allowed();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let manifest = Path::new(&package.manifest_path);
        let folder = manifest.strip_prefix(root).unwrap_or(manifest);
        let allowed = match allowed.get(package.name.as_str()) {
            Some(allowed) => allowed.as_slice(),
            None if folder.starts_with("examples") => &[FACADE],
            None if folder.starts_with("crates") => {
                wrong.push(format!(
                    "{} is in crates/ and xtask/src/arrows.rs does not say what it may depend on",
                    package.name
                ));
                continue;
            }
            None => continue,
        };
        let ours = package.dependencies.iter().filter(|dependency| {
            dependency.path.is_some() && dependency.kind.as_deref() != Some("dev")
        });
        for dependency in ours {
            if !allowed.contains(&dependency.name.as_str()) {
                wrong.push(format!(
                    "{} depends on {}: it may depend on {}",
                    package.name,
                    dependency.name,
                    listed(allowed)
                ));
            }
        }
    }
    wrong
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        "no crate of this project".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        Package {
            name: name.to_owned(),
            manifest_path: format!("/in/examples/polywire/{folder}/{name}/Cargo.toml"),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: kind.map(str::to_owned),
                    path: Some(String::new()),
                })
                .collect(),
        }
    }

    #[test]
    fn arrows_that_run_the_wrong_way_are_found() {
        let metadata = Metadata {
            packages: vec![
                package(CORE, "crates", &[(CONTRACT, None), (TESTKIT, Some("dev"))]),
                package("polywire-http", "crates", &[(LAYERS, None)]),
                package("polywire-new", "crates", &[]),
                package("shop", "examples", &[(FACADE, None), (CORE, None)]),
                package("xtask", "", &[(CORE, None)]),
            ],
        };
        assert_eq!(
            wrong(&metadata, Path::new("/in/examples/polywire")),
            [
                "polywire-http depends on polywire-layers: it may depend on polywire-contract, polywire-core",
                "polywire-new is in crates/ and xtask/src/arrows.rs does not say what it may depend on",
                "shop depends on polywire-core: it may depend on polywire",
            ]
        );
    }
}
