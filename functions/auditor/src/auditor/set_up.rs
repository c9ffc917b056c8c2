//! What an auditor is made of: its state and detections, and what it has beside them.

use std::sync::Arc;

use jiff::Timestamp;
use postern_core::ports::{Appraiser, AuditStore, Runtime};

use super::{Auditor, Believed};
use crate::case::Rules;
use crate::detection::Catalogue;
use crate::ledger::Ledger;
use crate::watch::Watch;

impl Auditor {
    /// An auditor with these detections over this state.
    pub fn new(store: Arc<dyn AuditStore>, catalogue: Catalogue, believed: Believed) -> Self {
        Self {
            store,
            catalogue,
            believed,
            watch: Watch::default(),
            rules: Arc::default(),
            appraiser: None,
            runtime: None,
            ledger: None,
            clock: Arc::new(Timestamp::now),
            on_alert: Arc::new(|| {}),
        }
    }

    /// Watches for what the configuration names.
    #[must_use]
    pub fn watching(mut self, watch: Watch) -> Self {
        self.watch = watch;
        self
    }

    /// Opens, walks and escalates cases by these rules.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = Arc::new(rules);
        self
    }

    /// Asks here what the gate would say now, before a case is closed for its image was attested.
    #[must_use]
    pub fn with_appraiser(mut self, appraiser: Arc<dyn Appraiser>) -> Self {
        self.appraiser = Some(appraiser);
        self
    }

    /// Reads here what runs, before a case is closed for something else runs instead.
    #[must_use]
    pub fn with_runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Signs the record with every [`tick`](Self::tick).
    #[must_use]
    pub fn signing(mut self, ledger: Option<Ledger>) -> Self {
        self.ledger = ledger.map(Arc::new);
        self
    }

    /// Takes the time from elsewhere.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Is called after an alert was written to the outbox, such as to wake the notifier.
    #[must_use]
    pub fn on_alert(mut self, wake: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_alert = Arc::new(wake);
        self
    }
}
