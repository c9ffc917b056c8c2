//! The trust function: Binary Authorization's, Container Analysis's and Cloud KMS's own APIs over the store,
//! so that `gcloud` and Terraform work against it unchanged.
//!
//! * [`router`] answers Google's paths, v1 and v1beta1 (and v1alpha2 where `gcloud` uses it).
//! * [`Trust`] is the function: who may call, what is kept, and what is told of it. The bindings that are
//!   stored are the bindings that are enforced.
//! * [`Filter`] is the language in which clients ask for notes and occurrences.
//! * Software keys are kept behind Cloud KMS's own API, encrypted; for trying out, and where there is no key
//!   management service.
//! * Every write stands in the journal together with its audit-log entry, from which the auditor watches
//!   over the trust chain.

mod asked;
mod attestors;
mod audit;
mod batch;
mod body;
mod call;
mod error;
mod filter;
mod http;
mod iam;
mod kms;
mod notes;
mod occurrences;
mod page;
mod platforms;
mod policy;
mod projects;
mod roles;
#[cfg(test)]
mod testing;
mod trust;
mod validate;
mod vulnerabilities;

pub use error::{ApiError, Code};
pub use filter::{Field, Filter, Test};
pub use http::{as_google, router};
pub use trust::{Trust, TrustParts};
