use std::path::{Path, PathBuf};

use super::{Inspector, PublishError, release};
use crate::disk::list;
use crate::format::{Index, PluginName, ReleaseId};
use crate::layout;
use crate::refusal::Refusal;

/// What a look at every byte of a repository found.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// How many plugins there are.
    pub plugins: usize,
    /// How many releases were checked.
    pub releases: usize,
    /// What is not as it must be; empty when all is well.
    pub problems: Vec<Problem>,
}

/// Something that is not as it must be.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Where.
    pub path: PathBuf,
    /// The kind in kebab case.
    pub code: &'static str,
    /// What is wrong.
    pub why: String,
}

impl Inspector {
    /// Checks every signature, every digest and every name in the repository. Changes nothing, and waits for nobody.
    ///
    /// # Errors
    /// [`PublishError::Disk`] when a folder cannot be listed.
    pub fn verify(&self) -> Result<Audit, PublishError> {
        let mut audit = Audit::default();
        for plugin in self.plugins()? {
            audit.plugins += 1;
            let index = match self.index(&plugin) {
                Ok(index) => index.map(|(index, _)| index),
                Err(PublishError::Refused(refusal)) => {
                    audit.refused(&self.layout.index(&plugin), &refusal);
                    None
                }
                Err(error) => return Err(error),
            };
            self.verify_releases(&plugin, index.as_ref(), &mut audit)?;
            for name in list(&self.layout.acks(&plugin))? {
                if !name.ends_with(".json") {
                    continue;
                }
                if let Err(refusal) = self.ack(&plugin, &name) {
                    audit.refused(&self.layout.acks(&plugin).join(name), &refusal);
                }
            }
        }
        for name in list(&self.layout.root().join(layout::RELEASES))? {
            if name.parse::<PluginName>().is_err() {
                audit.stray(&self.layout.root().join(layout::RELEASES).join(name));
            }
        }
        Ok(audit)
    }

    fn verify_releases(
        &self,
        plugin: &PluginName,
        index: Option<&Index>,
        audit: &mut Audit,
    ) -> Result<(), PublishError> {
        let folder = self.layout.releases(plugin);
        let mut before: Option<ReleaseId> = None;
        for name in list(&folder)? {
            let path = folder.join(&name);
            let Ok(id) = name.parse::<ReleaseId>() else {
                audit.stray(&path);
                continue;
            };
            audit.releases += 1;
            if let Some(other) = before.replace(id.clone())
                && other.version() == id.version()
            {
                let why = format!("version {} is there twice", id.version());
                audit.problem(&path, "taken", why);
            }
            match release::check(&self.root, &self.keys, plugin, &id) {
                Err(refusal) => audit.refused(&path, &refusal),
                Ok(manifest) => audit.strays(&path, &manifest)?,
            }
        }
        let named = index
            .into_iter()
            .flat_map(|index| index.majors.values().chain(index.previous.values()));
        for release in named {
            let path = self.layout.release(plugin, release);
            if !path.is_dir() {
                audit.problem(
                    &path,
                    "missing",
                    "the index names it, and it is not there".to_owned(),
                );
            }
        }
        Ok(())
    }
}

impl Audit {
    fn problem(&mut self, path: &Path, code: &'static str, why: String) {
        self.problems.push(Problem {
            path: path.to_owned(),
            code,
            why,
        });
    }

    fn refused(&mut self, path: &Path, refusal: &Refusal) {
        self.problem(path, refusal.code(), refusal.to_string());
    }

    fn stray(&mut self, path: &Path) {
        let why = "it is no part of a repository: remove it";
        self.problem(path, "stray", why.to_owned());
    }

    /// What is in a release and not in its manifest.
    fn strays(
        &mut self,
        release: &Path,
        manifest: &crate::format::Manifest,
    ) -> Result<(), PublishError> {
        let files = &manifest.description().artifacts;
        for name in list(release)? {
            if name == layout::MANIFEST || name == layout::SIGNATURE {
                continue;
            }
            let mut here = files
                .iter()
                .filter(|artifact| artifact.file.folder() == name)
                .peekable();
            if here.peek().is_none() {
                self.stray(&release.join(name));
                continue;
            }
            let known: Vec<_> = here.map(|artifact| artifact.file.file()).collect();
            for file in list(&release.join(&name))? {
                if !known.contains(&file.as_str()) {
                    self.stray(&release.join(&name).join(file));
                }
            }
        }
        Ok(())
    }
}
