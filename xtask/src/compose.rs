//! Checks docker-compose.yml: that it reads, and that what it starts is pinned, watched and not open to the network.

use std::process::{Command, Stdio};

use yaml_rust2::{Yaml, YamlLoader};

use crate::{Result, tree};

const FILE: &str = "docker-compose.yml";

/// Checks the file, with Docker's own eyes as well where there is Docker.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn check() -> Result<()> {
    let wrong = wrong(&tree::read(FILE)?)?;
    if !wrong.is_empty() {
        return Err(wrong.join("\n").into());
    }
    let docker = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        command
            .arg("compose")
            .args(arguments)
            .current_dir(tree::root());
        command.stdout(Stdio::null());
        command
    };
    let has_docker = docker(&["version"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if has_docker && !docker(&["config", "--quiet"]).status()?.success() {
        return Err(format!("docker compose does not take {FILE}").into());
    }
    Ok(())
}

fn wrong(text: &str) -> Result<Vec<String>> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| format!("{FILE}: {error}"))?;
    let services = documents.first().map(|document| &document["services"]);
    let Some(Yaml::Hash(services)) = services else {
        return Err(format!("{FILE}: expected `services`").into());
    };
    let mut wrong = Vec::new();
    for (name, service) in services {
        let name = name.as_str().unwrap_or_default();
        let image = field(service, "image").as_str().unwrap_or_default();
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        if tag.matches('.').count() < 2 {
            wrong.push(format!(
                "{FILE}: {name}: image {image:?} is not pinned: name a patch release, such as 4.1.4"
            ));
        }
        if field(service, "healthcheck").is_badvalue() {
            wrong.push(format!("{FILE}: {name}: has no healthcheck"));
        }
        let ports = field(service, "ports")
            .as_vec()
            .map(Vec::as_slice)
            .unwrap_or_default();
        for port in ports {
            let port = port.as_str().unwrap_or_default();
            if !port.starts_with("127.0.0.1:") {
                wrong.push(format!(
                    "{FILE}: {name}: port {port:?} is open to the network: start it with 127.0.0.1:"
                ));
            }
        }
    }
    Ok(wrong)
}

/// A value of a mapping, or of what is merged into it with `<<`.
fn field<'a>(mapping: &'a Yaml, name: &str) -> &'a Yaml {
    let (own, merged) = (&mapping[name], &mapping["<<"]);
    if own.is_badvalue() && !merged.is_badvalue() {
        field(merged, name)
    } else {
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_or_not_pinned_is_found() {
        let text = "services:\n  broker:\n    image: rabbitmq:latest\n    ports: [\"5672:5672\"]\n";
        assert_eq!(
            wrong(text).unwrap(),
            [
                "docker-compose.yml: broker: image \"rabbitmq:latest\" is not pinned: name a patch release, such as 4.1.4",
                "docker-compose.yml: broker: has no healthcheck",
                "docker-compose.yml: broker: port \"5672:5672\" is open to the network: start it with 127.0.0.1:",
            ]
        );
    }

    #[test]
    fn ours_is_fine() {
        assert_eq!(wrong(&tree::read(FILE).unwrap()).unwrap(), [""; 0]);
    }

    #[test]
    fn the_cluster_is_of_members_that_find_and_know_each_other() {
        let documents = YamlLoader::load_from_str(&tree::read(FILE).unwrap()).unwrap();
        let services = &documents[0]["services"];
        let config = documents[0]["configs"]["cluster"]["content"]
            .as_str()
            .unwrap();
        let single = field(&services["rabbitmq"], "image");
        assert!(field(&services["rabbitmq"], "profiles").is_badvalue());
        let members: Vec<&Yaml> = services
            .as_hash()
            .unwrap()
            .iter()
            .filter(|(_, service)| field(service, "profiles")[0].as_str() == Some("cluster"))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(members.len(), 3);
        for (index, name) in members.iter().enumerate() {
            let name = name.as_str().unwrap();
            let member = &services[name];
            // Compose resolves the name of the service, the broker uses its host's.
            assert_eq!(field(member, "hostname").as_str(), Some(name));
            assert_eq!(field(member, "image"), single);
            let environment = field(member, "environment");
            assert_eq!(
                field(environment, "RABBITMQ_ERLANG_COOKIE").as_str(),
                Some("polywire-cluster")
            );
            assert_eq!(
                field(environment, "RABBITMQ_DEFAULT_USER").as_str(),
                Some("guest")
            );
            let mounted = &field(member, "configs")[0];
            assert_eq!(mounted["source"].as_str(), Some("cluster"));
            let line = format!(
                "cluster_formation.classic_config.nodes.{} = rabbit@{name}",
                index + 1
            );
            assert!(config.lines().any(|found| found == line), "{line}");
        }
    }
}
