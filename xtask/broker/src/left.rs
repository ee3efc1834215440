//! A broker that runs on without an owner, until somebody stops it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::home::Place;
use crate::installation::Installation;
use crate::node::Site;
use crate::{Result, answer, process};

const ATTEMPT: Duration = Duration::from_secs(2);
const TOOL: Duration = Duration::from_secs(10);

/// A broker that its owner left, and how to find it again: this is written to a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Left {
    folder: PathBuf,
    epmd_port: u16,
    nodes: Vec<Site>,
}

impl Left {
    pub(crate) fn new(place: Place, nodes: Vec<Site>) -> Self {
        Self {
            folder: place.folder,
            epmd_port: place.epmd_port,
            nodes,
        }
    }

    /// Reads a file that [`save`](Self::save) wrote. `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| format!("cannot read {}: {error}", path.display()))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            format!(
                "{}: {error}: it was not written by this version; stop that broker by hand, then remove the file",
                path.display()
            )
            .into()
        })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(())
    }

    /// The urls of its nodes.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Site::url).collect()
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Each node's name, and whether it answers AMQP now.
    #[must_use]
    pub fn nodes(&self) -> Vec<(&str, std::result::Result<(), String>)> {
        let nodes = self.nodes.iter();
        nodes
            .map(|site| {
                let answers = answer::answers(site.address(), ATTEMPT);
                (site.name.as_str(), answers)
            })
            .collect()
    }

    /// Stops its nodes, then its name service. What it stored stays.
    ///
    /// # Errors
    /// When a node that answers does not end.
    pub fn stop(self) -> Result<()> {
        let place = Place {
            installation: Installation::find()?,
            folder: self.folder,
            epmd_port: self.epmd_port,
        };
        for site in self.nodes.iter().rev() {
            // The cookie makes sure that it is this node that is stopped; one that is down already cannot be asked.
            if let Err(error) = site.ctl(&place, &["shutdown"])
                && answer::answers(site.address(), ATTEMPT).is_ok()
            {
                return Err(error);
            }
        }
        let mut epmd = place.command("epmd");
        epmd.args(["-port", &place.epmd_port.to_string(), "-kill"]);
        // It refuses while a node is registered, and fails when it has ended already.
        process::output(epmd, TOOL).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker.json");
        assert!(Left::load(&path).unwrap().is_none());
        let left = Left {
            folder: folder.path().to_path_buf(),
            epmd_port: 4369,
            nodes: vec![Site {
                name: "polywire@localhost".to_owned(),
                amqp: 5672,
                tls: None,
                distribution: 25_672,
            }],
        };
        left.save(&path).unwrap();
        let found = Left::load(&path).unwrap().unwrap();
        assert_eq!(found.urls(), ["amqp://guest:guest@127.0.0.1:5672/%2f"]);
        assert_eq!(found.nodes, left.nodes);

        fs::write(&path, "{}").unwrap();
        let error = Left::load(&path).unwrap_err().to_string();
        assert!(error.contains("missing field `folder`"), "{error}");
        assert!(
            error.ends_with("stop that broker by hand, then remove the file"),
            "{error}"
        );
    }
}
