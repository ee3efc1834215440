//! How a broker differs from one with RabbitMQ's own defaults.

use std::path::{Path, PathBuf};

/// What a broker is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) conf: Vec<String>,
    pub(crate) plugins: Vec<String>,
    pub(crate) tls: Option<Tls>,
}

/// Certificates of a broker that listens for TLS as well, each a PEM file.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Who is trusted to have signed clients' certificates.
    pub ca: PathBuf,
    /// The broker's own certificate.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// Whether clients must show a certificate.
    pub verify_peer: bool,
}

impl Options {
    /// A node with RabbitMQ's defaults, in a folder that is removed with it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps everything in this folder, which is made where it is missing, starts on what is there, and leaves it there.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_path_buf());
        self
    }

    /// Adds a line of `rabbitmq.conf`.
    #[must_use]
    pub fn conf(mut self, line: impl Into<String>) -> Self {
        self.conf.push(line.into());
        self
    }

    /// Enables a plugin that comes with RabbitMQ, such as `rabbitmq_auth_mechanism_ssl`.
    #[must_use]
    pub fn plugin(mut self, name: impl Into<String>) -> Self {
        self.plugins.push(name.into());
        self
    }

    /// Listens for TLS on a port of its own.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// `rabbitmq.conf`.
    pub(crate) fn conf_file(&self, tls_port: u16, peers: &[String]) -> String {
        // What a node logs is found in its file.
        let mut lines = vec!["log.console = false".to_owned()];
        if let Some(tls) = &self.tls {
            lines.push(format!("listeners.ssl.default = 127.0.0.1:{tls_port}"));
            lines.push(format!("ssl_options.cacertfile = {}", tls.ca.display()));
            lines.push(format!(
                "ssl_options.certfile = {}",
                tls.certificate.display()
            ));
            lines.push(format!("ssl_options.keyfile = {}", tls.key.display()));
            let (verify, required) = if tls.verify_peer {
                ("verify_peer", true)
            } else {
                ("verify_none", false)
            };
            lines.push(format!("ssl_options.verify = {verify}"));
            lines.push(format!("ssl_options.fail_if_no_peer_cert = {required}"));
        }
        if !peers.is_empty() {
            lines.push("cluster_formation.peer_discovery_backend = classic_config".to_owned());
            let nodes = peers.iter().enumerate();
            lines.extend(nodes.map(|(index, name)| {
                format!(
                    "cluster_formation.classic_config.nodes.{} = {name}",
                    index + 1
                )
            }));
        }
        lines.extend(self.conf.iter().cloned());
        lines.push(String::new());
        lines.join("\n")
    }

    /// The file of enabled plugins, an Erlang term.
    pub(crate) fn plugins_file(&self) -> String {
        format!("[{}].\n", self.plugins.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_say_what_was_asked_for() {
        let options = Options::new()
            .conf("heartbeat = 5")
            .plugin("rabbitmq_auth_mechanism_ssl")
            .plugin("rabbitmq_management")
            .tls(Tls {
                ca: "/ca.pem".into(),
                certificate: "/server.pem".into(),
                key: "/server.key".into(),
                verify_peer: true,
            });
        assert_eq!(
            options.plugins_file(),
            "[rabbitmq_auth_mechanism_ssl,rabbitmq_management].\n"
        );
        let peers = ["n1@localhost", "n2@localhost"].map(str::to_owned);
        assert_eq!(
            options.conf_file(5671, &peers).lines().collect::<Vec<_>>(),
            [
                "log.console = false",
                "listeners.ssl.default = 127.0.0.1:5671",
                "ssl_options.cacertfile = /ca.pem",
                "ssl_options.certfile = /server.pem",
                "ssl_options.keyfile = /server.key",
                "ssl_options.verify = verify_peer",
                "ssl_options.fail_if_no_peer_cert = true",
                "cluster_formation.peer_discovery_backend = classic_config",
                "cluster_formation.classic_config.nodes.1 = n1@localhost",
                "cluster_formation.classic_config.nodes.2 = n2@localhost",
                "heartbeat = 5",
            ]
        );
        assert_eq!(Options::new().conf_file(0, &[]), "log.console = false\n");
    }
}
