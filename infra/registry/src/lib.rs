//! postern-registry.
