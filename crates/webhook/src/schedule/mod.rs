//! When a delivery is tried again, what an answer means, and how much an endpoint is given: pure logic, told the time.
//!
//! | answer | [`Meaning`] | the delivery | the endpoint |
//! |---|---|---|---|
//! | 2xx | `Accepted` | done; the body is ignored | works |
//! | 410 | `Gone` | set aside | stopped |
//! | 415 | `VersionMismatch` | parked, no retry spent | its subscription is parked |
//! | 429, 503, and whatever fails with `Retry-After` | `Throttle` | retried, not before the time asked for | held until then |
//! | 501, 505 | `Permanent` | dead letter | a failure |
//! | 3xx, which is never followed, the rest, no answer | `Retry` | retried | a failure |
//!
//! Sources: CloudEvents HTTP webhook 1.0 sections 2.2 and 2.3, Standard Webhooks 1.0.0, RFC 9110 section 15.

mod answer;
mod endpoint;
mod plan;
mod retry_after;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Failure, Meaning};
pub use endpoint::{
    Admit, Change, CircuitLimits, Endpoint, EndpointLimits, LimitsError, Permit, Rate, Settled,
    Standing, Stop,
};
pub use plan::{PlanError, RetryPlan};
pub use retry_after::{MAX_RETRY_AFTER, retry_after};
