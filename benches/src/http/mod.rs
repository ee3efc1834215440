//! One unary call over loopback, by all contenders in alternating rounds.

pub mod axum_reqwest;
mod child;
mod compare;
mod load;
pub mod polywire;
pub mod tonic;

pub use child::serve;
pub(crate) use child::{Server, parent_gone};
pub use compare::{Case, Contender, Plan, compare};
pub(crate) use load::Call;
pub use load::{Load, Sample};
