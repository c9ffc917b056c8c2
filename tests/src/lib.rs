//! postern-tests.
