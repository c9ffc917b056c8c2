//! postern-attestor.
