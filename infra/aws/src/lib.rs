//! postern-aws.
