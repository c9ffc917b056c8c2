//! Amazon Web Services behind the core's ports: AWS KMS signs, Amazon ECR lets in, Amazon S3 keeps,
//! SNS, SQS and EventBridge take alerts, and Secrets Manager keeps secrets.
//!
//! Credentials, region and endpoints come from the standard chain of the AWS SDK: environment,
//! profile, container and instance metadata; or the credentials are those of a role that trusts another
//! provider of identities ([`WebIdentity`]); `AWS_ENDPOINT_URL` and its per-service forms point
//! it at an emulator.

mod bus;
mod ecr;
mod failure;
mod kms;
mod reference;
mod s3;
mod secret;
mod session;
mod web_identity;

pub use bus::{BusNameError, EventBus, Queue, Topic};
pub use ecr::EcrCredentials;
pub use kms::{KmsKey, KmsSigner};
pub use reference::{KmsReference, KmsReferenceError};
pub use s3::BucketAnchor;
pub use secret::{SecretError, SecretReference, secret};
pub use session::{NoRegion, Session};
pub use web_identity::WebIdentity;
