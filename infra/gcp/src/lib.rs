//! postern-gcp.
