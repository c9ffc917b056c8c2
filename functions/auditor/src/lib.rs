//! postern-auditor.
