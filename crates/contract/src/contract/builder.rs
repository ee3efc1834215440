use std::convert::Infallible;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use semver::Version;
use serde_json::{Map, Value};

use super::schema::{bound_integers, sort_required};
use super::{Contract, ContractError, ErrorCode, Interaction, Kind, definitions};
use crate::Name;

/// The codes that an application error type may carry; `#[contract]` and its derive write it.
pub trait ErrorCodes {
    /// Every code, in any order.
    fn codes() -> Vec<ErrorCode>;
}

/// An interaction that cannot fail in the application.
impl ErrorCodes for () {
    fn codes() -> Vec<ErrorCode> {
        Vec::new()
    }
}

/// An interaction that cannot fail in the application.
impl ErrorCodes for Infallible {
    fn codes() -> Vec<ErrorCode> {
        Vec::new()
    }
}

/// What [`ContractBuilder`] is told about an interaction beside its types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InteractionInfo {
    /// Its name.
    pub name: &'static str,
    /// The version that brought it; `None` for the first of the track.
    pub since: Option<&'static str>,
    /// Present when deprecated: a note, possibly empty.
    pub deprecated: Option<&'static str>,
    /// Whether doing it twice has the effect of doing it once.
    pub idempotent: bool,
    /// What it does.
    pub description: Option<&'static str>,
}

impl InteractionInfo {
    /// A current interaction that is there from the beginning and not idempotent.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            since: None,
            deprecated: None,
            idempotent: false,
            description: None,
        }
    }
}

/// Builds a [`Contract`] from Rust types. Mistakes are reported by [`ContractBuilder::build`].
#[derive(Debug)]
#[must_use = "a contract comes from build()"]
pub struct ContractBuilder {
    name: &'static str,
    version: &'static str,
    description: Option<&'static str>,
    written: SchemaGenerator,
    read: SchemaGenerator,
    drafts: Vec<Draft>,
}

#[derive(Debug)]
struct Draft {
    info: InteractionInfo,
    kind: Kind,
    request: Option<Value>,
    reply: Option<Value>,
    event: Option<Value>,
    error: Option<Value>,
    errors: Vec<ErrorCode>,
}

impl ContractBuilder {
    pub(super) fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            description: None,
            written: SchemaSettings::draft2020_12()
                .for_serialize()
                .into_generator(),
            read: SchemaSettings::draft2020_12()
                .for_deserialize()
                .into_generator(),
            drafts: Vec::new(),
        }
    }

    /// Says what the contract is about.
    pub fn description(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self
    }

    /// Adds an operation: a request `Req`, its reply `Rep` and its application error `Err`, `()` for none.
    pub fn operation<Req, Rep, Err>(mut self, info: InteractionInfo) -> Self
    where
        Req: JsonSchema,
        Rep: JsonSchema,
        Err: JsonSchema + ErrorCodes,
    {
        let request = Some(self.read.subschema_for::<Req>().to_value());
        let reply = Some(self.written.subschema_for::<Rep>().to_value());
        let errors = Err::codes();
        let error = self.error::<Err>(&errors);
        self.drafts.push(Draft {
            info,
            kind: Kind::Operation,
            request,
            reply,
            event: None,
            error,
            errors,
        });
        self
    }

    /// Adds a command: a request `Req` and the application error `Err` that its handler may end with, `()` for none.
    pub fn command<Req, Err>(mut self, info: InteractionInfo) -> Self
    where
        Req: JsonSchema,
        Err: JsonSchema + ErrorCodes,
    {
        let request = Some(self.read.subschema_for::<Req>().to_value());
        let errors = Err::codes();
        let error = self.error::<Err>(&errors);
        self.drafts.push(Draft {
            info,
            kind: Kind::Command,
            request,
            reply: None,
            event: None,
            error,
            errors,
        });
        self
    }

    /// Adds an event `E`.
    pub fn event<E: JsonSchema>(mut self, info: InteractionInfo) -> Self {
        let event = Some(self.written.subschema_for::<E>().to_value());
        let (kind, errors) = (Kind::Event, Vec::new());
        self.drafts.push(Draft {
            info,
            kind,
            request: None,
            reply: None,
            event,
            error: None,
            errors,
        });
        self
    }

    /// A type without codes, such as `()`, says that there is no error.
    fn error<Err: JsonSchema>(&mut self, codes: &[ErrorCode]) -> Option<Value> {
        (!codes.is_empty()).then(|| self.written.subschema_for::<Err>().to_value())
    }

    /// Checks everything and computes the digest.
    ///
    /// # Errors
    /// When a name, a version or a `since` is not valid, two interactions have one name, there are more than
    /// [`Contract::MAX_INTERACTIONS`], or a reply, event or error type refuses unknown fields.
    pub fn build(mut self) -> Result<Contract, ContractError> {
        let name: Name = self.name.parse()?;
        let version = parse_version("contract version", self.version)?;
        let mut drafts = self.drafts;
        drafts.sort_by_key(|draft| draft.info.name);
        let roots = drafts.iter_mut().filter_map(|draft| draft.request.as_mut());
        let written = self.written.take_definitions(true);
        let mut defs = definitions::join(written, self.read.take_definitions(true), roots);
        defs.values_mut().for_each(finish);
        let interactions = drafts
            .into_iter()
            .map(Draft::finish)
            .collect::<Result<Vec<_>, _>>()?;
        let mut document = Map::new();
        document.insert("polywire".to_owned(), Contract::FORMAT.into());
        document.insert("name".to_owned(), name.as_str().into());
        document.insert("version".to_owned(), version.to_string().into());
        if let Some(description) = self.description {
            document.insert("description".to_owned(), description.into());
        }
        document.insert(
            "interactions".to_owned(),
            serde_json::to_value(interactions)?,
        );
        document.insert("$defs".to_owned(), defs.into());
        Contract::from_document(document)
    }
}

impl Draft {
    fn finish(self) -> Result<Interaction, ContractError> {
        let info = self.info;
        let member = || format!("since of \"{}\"", info.name);
        let mut errors = self.errors;
        errors.sort();
        errors.dedup_by(|a, b| a.code == b.code);
        Ok(Interaction {
            name: info.name.parse()?,
            kind: self.kind,
            since: info
                .since
                .map(|since| parse_version(&member(), since))
                .transpose()?,
            deprecated: info.deprecated.map(str::to_owned),
            idempotent: info.idempotent,
            description: info.description.map(str::to_owned),
            request: schema(self.request)?,
            reply: schema(self.reply)?,
            event: schema(self.event)?,
            errors,
            error: schema(self.error)?,
        })
    }
}

fn schema(value: Option<Value>) -> Result<Option<Schema>, ContractError> {
    let Some(mut value) = value else {
        return Ok(None);
    };
    finish(&mut value);
    Ok(Some(value.try_into()?))
}

fn finish(schema: &mut Value) {
    bound_integers(schema);
    sort_required(schema);
}

fn parse_version(member: &str, text: &str) -> Result<Version, ContractError> {
    Version::parse(text).map_err(|wrong| ContractError::Version {
        member: member.to_owned(),
        found: text.to_owned(),
        reason: wrong.to_string(),
    })
}
