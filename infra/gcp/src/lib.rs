//! Google Cloud behind the ports of `postern-core`: the identity this runs as, subscriptions that are
//! pulled from, topics that take alerts, logs that are read back, what runs on Cloud Run and how it gets there,
//! what there is at all, secrets, keys that sign, policies and attestors of Binary Authorization, and attestations.
//!
//! The APIs are spoken over REST. Each answer is bounded in size and time; an outage or a missing
//! permission is an error that says which, and never an empty answer.

mod access_token;
mod api;
mod binary_authorization;
mod container_analysis;
mod endpoint;
mod estate;
mod identity_token;
mod kms;
mod logging;
mod passing;
mod pubsub;
mod refusal;
mod resource;
mod rollout;
mod run;
mod secret;
mod storage;
#[cfg(test)]
mod testing;
mod topic;

pub use access_token::{GoogleCredentials, GoogleCredentialsError};
pub use binary_authorization::{BINARY_AUTHORIZATION, BinaryAuthorization};
pub use container_analysis::{CONTAINER_ANALYSIS, ContainerAnalysis};
pub use endpoint::{Endpoint, EndpointError};
pub use estate::{CONTAINER, Estate, EstateEndpoints, ORG_POLICY, RESOURCE_MANAGER};
pub use identity_token::{MetadataServer, MetadataServerError};
pub use kms::{KMS, KmsKey, KmsReference, KmsReferenceError, KmsSigner};
pub use logging::{LOGGING, Logging};
pub use passing::PassedOn;
pub use pubsub::{PUBSUB, Subscription, SubscriptionError};
pub use resource::ResourceError;
pub use rollout::CloudRunRollouts;
pub use run::{CloudRun, RUN};
pub use secret::{SECRET_MANAGER, SecretError, SecretManager, SecretReference};
pub use storage::{BucketAnchor, BucketAnchorError, STORAGE};
pub use topic::{Topic, TopicError};
