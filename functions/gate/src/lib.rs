//! postern-gate.
