//! Google Cloud behind the ports of `postern-core`: the identity this runs as, subscriptions that are
//! pulled from, logs that are read back, and what runs on Cloud Run.
//!
//! The APIs are spoken over REST. Each answer is bounded in size and time; an outage or a missing
//! permission is an error that says which, and never an empty answer.

mod access_token;
mod api;
mod endpoint;
mod logging;
mod pubsub;
mod refusal;
mod resource;
mod run;
#[cfg(test)]
mod testing;

pub use access_token::{GoogleCredentials, GoogleCredentialsError};
pub use endpoint::{Endpoint, EndpointError};
pub use logging::{LOGGING, Logging};
pub use pubsub::{PUBSUB, Subscription, SubscriptionError};
pub use resource::ResourceError;
pub use run::{CloudRun, RUN};
