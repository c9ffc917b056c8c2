//! postern-verify.
