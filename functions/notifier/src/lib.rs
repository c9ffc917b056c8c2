//! postern-notifier.
