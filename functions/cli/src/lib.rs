//! postern.
