//! What the command line says.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::orders::Serve;
use crate::storefront::Major;

/// Processes a day's orders: as the provider, as its consumer, as its subscriber, or as all of them at once.
#[derive(Clone, Debug, Parser)]
#[non_exhaustive]
pub struct Options {
    /// What this process is
    #[arg(required = true, value_name = "ROLE")]
    pub roles: Vec<Role>,
    /// The configuration, which alone decides the transport
    #[arg(long, default_value = "polywire.toml")]
    pub config: PathBuf,
    /// The orders of the day
    #[arg(long, default_value = "examples/shop/data/orders.json")]
    pub data: PathBuf,
    /// Where to write what was done, as JSON
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// The versions that `orders` serves
    #[arg(long, value_enum, default_value_t = Versions::One)]
    pub versions: Versions,
    /// The major that `storefront` is built for
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub client: u8,
}

/// A role that a process can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Role {
    /// The provider; alone, it runs until it is told to end
    Orders,
    /// The consumer; ends when the data file is done
    Storefront,
    /// The subscriber; ends when the day is closed
    Billing,
    /// A consumer that asks for prices until it is told to end; it is alone
    Kiosk,
}

/// The versions that the provider serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Versions {
    /// Version 1 alone
    #[value(name = "1")]
    One,
    /// Version 2 beside it
    #[value(name = "1,2")]
    OneAndTwo,
}

impl Options {
    pub(crate) fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    pub(crate) fn serve(&self) -> Serve {
        match self.versions {
            Versions::One => Serve::One,
            Versions::OneAndTwo => Serve::OneAndTwo,
        }
    }

    pub(crate) fn major(&self) -> Major {
        if self.client == 1 {
            Major::One
        } else {
            Major::Two
        }
    }
}
