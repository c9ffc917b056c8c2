//! postern-store.
