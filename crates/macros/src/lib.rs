//! The attribute macros of Polywire: a trait becomes a typed client, server, publisher and `contract.json`.
//!
//! Use them through the `polywire` crate; generated code names nothing but that crate, so that it is the only dependency
//! a service needs.

mod attributes;
mod contract;
mod error;
mod naming;
mod payload;

use proc_macro::TokenStream;

/// Makes a trait a contract.
///
/// ```text
/// #[polywire::contract(name = "orders", version = "1.4.0")]
/// pub trait Orders {
///     /// What an order would cost.
///     #[idempotent]
///     async fn quote(&self, cx: &Context, request: QuoteRequest) -> Result<Quote, OrdersError>;
///
///     #[command]
///     #[since("1.3.0")]
///     async fn cancel(&self, cx: &Context, command: CancelOrder) -> Result<(), OrdersError>;
///
///     #[event]
///     fn shipped(event: OrderShipped);
/// }
/// ```
///
/// # Arguments
///
/// - `name`: the contract's name, 1 to 100 of `a-z`, `0-9`, `.`, `_`, `-`, beginning with a letter.
/// - `version`: its semantic version in full (`SemVer` 2.0), such as `"1.4.0"`.
/// - `crate`: the path of the `polywire` crate when it is not `::polywire`, such as `crate = my::polywire`.
///
/// # Interactions
///
/// - An **operation** is an `async fn` with `&self`, `cx: &Context`, at most one payload, and `Result<Reply, Error>`.
/// - A **command**, `#[command]`, is the same with `Result<(), Error>`: one way, the caller gets a receipt, and the error
///   decides whether it is retried or dead-lettered.
/// - An **event**, `#[event]`, is a plain `fn` with at most one payload, no `self` and no return type.
///
/// Payloads are types marked `#[polywire::payload]`, errors are enums marked `#[polywire::error]`, or
/// `std::convert::Infallible`. An interaction without a payload, and a reply `()`, travel as the empty object `{}`, so
/// that a later minor version may add optional fields.
///
/// `#[idempotent]` says that doing it twice has the effect of doing it once, so it may be sent again. `#[since("1.3.0")]`
/// names the version that brought an interaction. `#[deprecated]` is Rust's own; it also reaches `contract.json`.
///
/// # What it makes
///
/// For a trait `Orders`:
///
/// - the trait itself, with `Send` futures and `Send + Sync + 'static`, without the events; implement it with `async fn`;
/// - `OrdersClient`: a method per operation (`Result<Reply, CallError<Error>>`), per command (`Result<Receipt, Error>`) and
///   per event (a `Subscriber` in a group);
/// - `OrdersServer<T>`: a provider that decodes, runs the handler of `T: Orders` and encodes its answer;
/// - `OrdersPublisher`: a method per event, and the module `orders_events` with a type per event, for
///   `Versions::adapt_event`. Both only when there are events.
///
/// `OrdersClient::contract()` is the contract document. It is an error, not a panic, when a payload type breaks a rule that
/// only shows at run time, such as a reply that refuses unknown fields.
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, item: TokenStream) -> TokenStream {
    contract::expand(arguments.into(), item.into()).into()
}

/// Makes a struct or an enum a payload.
///
/// Derives what a payload needs and the type does not derive itself: `Serialize`, `Deserialize`, `JsonSchema`, `Clone` and
/// `Debug`. Put it above the type's own `derive`s. An enum with a `#[serde(other)]` variant is open: its schema says
/// `"x-open": true`, and a later minor version may add variants.
///
/// # Arguments
///
/// - `crate`: the path of the `polywire` crate when it is not `::polywire`.
#[proc_macro_attribute]
pub fn payload(arguments: TokenStream, item: TokenStream) -> TokenStream {
    payload::expand(arguments.into(), item.into()).into()
}

/// Makes an enum the typed error of operations and commands.
///
/// ```text
/// #[polywire::error]
/// pub enum OrdersError {
///     /// no article {sku}
///     NoArticle { sku: String },
///     /// all {clerks} clerks are busy
///     #[retryable]
///     Busy { clerks: u32 },
///     /// an error that this version does not know
///     #[fallback]
///     Unknown,
/// }
/// ```
///
/// It travels as `{"code": "no_article", "sku": "..."}`: the code is the variant's name in snake case. A variant's first
/// paragraph of documentation is its `Display`, without a final full stop; `{field}` stands for a field's value, with any
/// of the format parameters of `std::fmt`, and `{{` for a brace. A variant without documentation displays its code.
///
/// `#[retryable]` says that the same request may succeed later. `#[fallback]` marks the last variant, without fields, as
/// what a consumer gets for a code that a later version added: the enum is then open, and a minor version may add codes.
///
/// # Arguments
///
/// - `closed`: the enum needs no fallback, and a new code needs a new major version.
/// - `crate`: the path of the `polywire` crate when it is not `::polywire`.
#[proc_macro_attribute]
pub fn error(arguments: TokenStream, item: TokenStream) -> TokenStream {
    error::expand(arguments.into(), item.into()).into()
}
