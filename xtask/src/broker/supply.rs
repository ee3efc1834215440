//! Where the broker comes from that tests and the demonstration talk to.

use polywire_test_broker::{Broker, Installation, Options};

use super::docker::{self, Docker};
use crate::{Result, debian};

/// The variable that names the broker to test against.
pub(crate) const VARIABLE: &str = "POLYWIRE_TEST_AMQP_URL";
/// What brings RabbitMQ on Debian.
const PACKAGE: &str = "rabbitmq-server";

/// A broker that is there for as long as this value is.
#[derive(Debug)]
pub(crate) struct Supplied {
    url: String,
    /// What to say about it.
    pub(crate) origin: &'static str,
    _compose: Option<docker::Running>,
    private: Option<Broker>,
}

impl Supplied {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// When a private node does not end by itself.
    pub(crate) fn stop(mut self) -> Result<()> {
        match &mut self.private {
            Some(broker) => broker.stop(),
            None => Ok(()),
        }
    }
}

/// Where a broker can come from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// The environment names it.
    Given(String),
    Compose,
    Private,
}

/// What is asked of a machine to choose among them.
trait Machine {
    fn given(&self) -> Option<String>;
    fn engine(&self) -> Result<()>;
    fn composed(&self) -> bool;
    fn installed(&self) -> Result<()>;
    fn install(&self) -> Result<()>;
}

/// A broker for the tests. Private nodes can be started as well afterwards: tests that restart one need their own.
///
/// # Errors
/// What was tried, and what to do. Without a broker nothing is tested, so that is a failure.
pub(crate) fn for_tests() -> Result<Supplied> {
    supply(source_for_tests(&Here)?)
}

/// A broker for the demonstration, when there is one. Nothing is installed for it, not even an image.
///
/// # Errors
/// What was looked for.
pub(crate) fn for_demo() -> Result<Supplied> {
    supply(source_for_demo(&Here)?)
}

/// Makes sure that private nodes can be started.
///
/// # Errors
/// Why not, and what to do.
pub(crate) fn programs() -> Result<()> {
    ensure_programs(&Here)
}

fn supply(source: Source) -> Result<Supplied> {
    let supplied = |url, origin| Supplied {
        url,
        origin,
        _compose: None,
        private: None,
    };
    match source {
        Source::Given(url) => Ok(supplied(url, "the one that POLYWIRE_TEST_AMQP_URL names")),
        Source::Compose => {
            let running = Docker::new().up()?;
            Ok(Supplied {
                _compose: Some(running),
                ..supplied(docker::URL.to_owned(), "the one of docker-compose.yml")
            })
        }
        Source::Private => {
            let broker = Broker::start(&Options::new())?;
            let url = broker.url();
            Ok(Supplied {
                private: Some(broker),
                ..supplied(url, "a private node")
            })
        }
    }
}

fn source_for_tests(machine: &dyn Machine) -> Result<Source> {
    ensure_programs(machine)?;
    Ok(match machine.given() {
        Some(url) => Source::Given(url),
        None if machine.engine().is_ok() => Source::Compose,
        None => Source::Private,
    })
}

fn source_for_demo(machine: &dyn Machine) -> Result<Source> {
    if let Some(url) = machine.given() {
        return Ok(Source::Given(url));
    }
    if machine.engine().is_ok() && machine.composed() {
        return Ok(Source::Compose);
    }
    match machine.installed() {
        Ok(()) => Ok(Source::Private),
        Err(_) => Err(format!(
            "no RabbitMQ here: install {PACKAGE}, run `docker compose up --wait`, or set {VARIABLE} to one's url"
        )
        .into()),
    }
}

fn ensure_programs(machine: &dyn Machine) -> Result<()> {
    let Err(missing) = machine.installed() else {
        return Ok(());
    };
    machine.install().and_then(|()| machine.installed()).map_err(|error| {
        format!(
            "no RabbitMQ to test against. Tests that restart a broker start private nodes, with or without {VARIABLE} and Docker:\n  \
             {missing}\n  {error}"
        )
        .into()
    })
}

/// The machine that this runs on.
struct Here;

impl Machine for Here {
    fn given(&self) -> Option<String> {
        std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())
    }

    fn engine(&self) -> Result<()> {
        Docker::new().answers()
    }

    fn composed(&self) -> bool {
        Docker::new().is_up()
    }

    fn installed(&self) -> Result<()> {
        Installation::find().map(drop)
    }

    fn install(&self) -> Result<()> {
        debian::install(&[PACKAGE])
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[derive(Default)]
    struct Fake {
        given: Option<&'static str>,
        engine: bool,
        composed: bool,
        installed: Cell<bool>,
        may_install: bool,
    }

    fn there(is: bool, what: &str) -> Result<()> {
        if is {
            Ok(())
        } else {
            Err(format!("no {what}").into())
        }
    }

    impl Machine for Fake {
        fn given(&self) -> Option<String> {
            self.given.map(str::to_owned)
        }

        fn engine(&self) -> Result<()> {
            there(self.engine, "engine")
        }

        fn composed(&self) -> bool {
            self.composed
        }

        fn installed(&self) -> Result<()> {
            there(self.installed.get(), "programs")
        }

        fn install(&self) -> Result<()> {
            there(self.may_install, "root")?;
            self.installed.set(true);
            Ok(())
        }
    }

    #[test]
    fn tests_take_what_is_named_then_compose_then_a_private_node() {
        let mut machine = Fake {
            given: Some("amqp://elsewhere"),
            engine: true,
            may_install: true,
            ..Fake::default()
        };
        let given = Source::Given("amqp://elsewhere".to_owned());
        assert_eq!(source_for_tests(&machine).unwrap(), given);
        assert!(
            machine.installed.get(),
            "tests with nodes of their own need the programs"
        );
        machine.given = None;
        assert_eq!(source_for_tests(&machine).unwrap(), Source::Compose);
        machine.engine = false;
        assert_eq!(source_for_tests(&machine).unwrap(), Source::Private);
    }

    #[test]
    fn no_broker_is_a_failure_that_says_what_was_tried() {
        let machine = Fake {
            given: Some("amqp://elsewhere"),
            ..Fake::default()
        };
        let error = source_for_tests(&machine).unwrap_err().to_string();
        assert_eq!(
            error,
            "no RabbitMQ to test against. Tests that restart a broker start private nodes, with or without POLYWIRE_TEST_AMQP_URL and \
             Docker:\n  no programs\n  no root"
        );
    }

    #[test]
    fn the_demonstration_installs_nothing() {
        let mut machine = Fake {
            engine: true,
            may_install: true,
            ..Fake::default()
        };
        let error = source_for_demo(&machine).unwrap_err().to_string();
        assert_eq!(
            error,
            "no RabbitMQ here: install rabbitmq-server, run `docker compose up --wait`, or set POLYWIRE_TEST_AMQP_URL to one's url"
        );
        assert!(!machine.installed.get());
        machine.composed = true;
        assert_eq!(source_for_demo(&machine).unwrap(), Source::Compose);
        machine.engine = false;
        machine.installed.set(true);
        assert_eq!(source_for_demo(&machine).unwrap(), Source::Private);
    }
}
