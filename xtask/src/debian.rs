//! Installs packages of Debian and its kin, where that is ours to do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use polywire_test_broker::Guard;

use crate::Result;
use crate::command::run;

/// What packages ask before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// "Action forbidden by policy", as invoke-rc.d defines it.
const NO: &str = "#!/bin/sh\nexit 101\n";

/// Whether this process may install packages here.
///
/// # Errors
/// What it lacks.
pub(crate) fn available() -> Result<()> {
    let path = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&path).any(|folder| folder.join("apt-get").is_file()) {
        return Err("there is no apt-get".into());
    }
    if !rustix::process::geteuid().is_root() {
        return Err("only root may run apt-get".into());
    }
    Ok(())
}

/// Installs packages, without starting any service that they bring.
///
/// # Errors
/// As [`available`], and when apt-get fails.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    available().map_err(|error| format!("cannot install {}: {error}", packages.join(", ")))?;
    let _services = ServicesStay::down(Path::new(POLICY))?;
    for arguments in [
        &["update", "--quiet"][..],
        &["install", "--quiet", "--yes", "--no-install-recommends"],
    ] {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        if arguments[0] == "install" {
            command.args(packages);
        }
        run(command)?;
    }
    Ok(())
}

/// While this lives, packages start no service. A policy that the machine has already is left as it is.
struct ServicesStay {
    _remove: Option<Guard>,
}

impl ServicesStay {
    fn down(policy: &Path) -> Result<Self> {
        if policy.exists() {
            return Ok(Self { _remove: None });
        }
        // First, so that not even a killed process leaves it behind.
        let remove = Guard::start(r#"rm -f -- "$1""#, &[&policy.to_string_lossy()])?;
        fs::write(policy, NO)?;
        fs::set_permissions(policy, fs::Permissions::from_mode(0o755))?;
        Ok(Self {
            _remove: Some(remove),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_kept_down_for_the_time_of_an_installation() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        let services = ServicesStay::down(&policy).unwrap();
        // By its shell: what this process has just written, a process that another test starts may still have open, and then
        // it cannot be run.
        let status = Command::new("sh").arg(&policy).status().unwrap();
        assert_eq!(status.code(), Some(101));
        let mode = fs::metadata(&policy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        drop(services);
        assert!(!policy.exists());

        fs::write(&policy, "the machine's own").unwrap();
        drop(ServicesStay::down(&policy).unwrap());
        assert_eq!(fs::read_to_string(&policy).unwrap(), "the machine's own");
    }
}
