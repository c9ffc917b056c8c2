//! What is asked of Google Cloud, as a configuration says: subscriptions that entries are pulled from,
//! logs that are read back, what runs, and what there is. An emulator needs no credential, but the client all the same: the feature `gcp`.

use std::sync::Arc;

use postern_core::ports::{
    EstateReader, EventSubscription, GoogleApis, LogReader, RolloutPlatform, Runtime,
};
use postern_host::config::Config;
use postern_host::environment::Environment;

use crate::WiringError;

/// A client for every subscription of `audit.pull`.
///
/// # Errors
/// If a name or the endpoint is none, there is no identity to ask with, or this build has no client.
pub fn subscriptions(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Vec<Arc<dyn EventSubscription>>, WiringError> {
    let names = &config.audit.pull;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    built::subscriptions(names, config, environment)
}

/// A reader for the logs of these resources; `None` where there are none to read.
///
/// # Errors
/// As [`subscriptions`].
pub fn log_reader(
    resources: &[String],
    config: &Config,
) -> Result<Option<Arc<dyn LogReader>>, WiringError> {
    if resources.is_empty() {
        return Ok(None);
    }
    built::log_reader(resources, config).map(Some)
}

/// What runs on Cloud Run; `None` in a build without a client for it.
///
/// # Errors
/// If the endpoint is none, or there is no identity to ask with.
pub fn runtime(config: &Config) -> Result<Option<Arc<dyn Runtime>>, WiringError> {
    built::runtime(config)
}

/// Cloud Run as it is deployed to.
///
/// # Errors
/// If the endpoint is none, there is no identity to deploy as, or this build has no client.
pub fn rollouts(config: &Config) -> Result<Arc<dyn RolloutPlatform>, WiringError> {
    built::rollouts(config)
}

/// What there is on Google Cloud, for these resources.
///
/// # Errors
/// If a name or an endpoint is none, there is no identity to ask with, or this build has no client.
pub fn estate(resources: &[String], config: &Config) -> Result<Arc<dyn EstateReader>, WiringError> {
    built::estate(resources, config)
}

/// Google's APIs as they are forwarded to.
///
/// # Errors
/// If an endpoint is none, there is no identity to deploy as where one is needed, or this build has no client.
pub fn forwarded(config: &Config) -> Result<Arc<dyn GoogleApis>, WiringError> {
    built::forwarded(config)
}

#[cfg(feature = "gcp")]
pub(crate) mod built {
    use postern_gcp::{
        CONTAINER, CloudRun, CloudRunRollouts, Endpoint, Estate, EstateEndpoints,
        GoogleCredentials, LOGGING, Logging, ORG_POLICY, PUBSUB, PassedOn, RESOURCE_MANAGER, RUN,
        Subscription,
    };
    use postern_host::config::DeployAs;

    use super::{
        Arc, Config, Environment, EstateReader, EventSubscription, GoogleApis, LogReader,
        RolloutPlatform, Runtime, WiringError,
    };

    /// What Google's own tools and libraries call it: `HOST:PORT`.
    const EMULATOR: &str = "PUBSUB_EMULATOR_HOST";

    /// Where Pub/Sub is, and what it is shown.
    pub(crate) fn pubsub(
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<(Endpoint, Option<GoogleCredentials>), WiringError> {
        let emulator = environment.get(EMULATOR).filter(|host| !host.is_empty());
        let (setting, address) = match (&config.endpoints.pubsub, emulator) {
            (Some(address), _) => ("endpoints.pubsub", address.clone()),
            (None, Some(host)) => (EMULATOR, format!("http://{host}")),
            (None, None) => ("endpoints.pubsub", PUBSUB.to_owned()),
        };
        shown(setting, &address)
    }

    pub(super) fn subscriptions(
        names: &[String],
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<Vec<Arc<dyn EventSubscription>>, WiringError> {
        let (endpoint, credentials) = pubsub(config, environment)?;
        let subscription = |name: &String| -> Result<Arc<dyn EventSubscription>, WiringError> {
            let subscription = Subscription::new(name, endpoint.clone(), credentials.clone());
            let subscription = subscription.map_err(|error| mistake("audit.pull", error))?;
            Ok(Arc::new(subscription))
        };
        names.iter().map(subscription).collect()
    }

    pub(super) fn log_reader(
        resources: &[String],
        config: &Config,
    ) -> Result<Arc<dyn LogReader>, WiringError> {
        for resource in resources {
            Logging::check(resource).map_err(WiringError::mistake)?;
        }
        let address = config.endpoints.logging.as_deref().unwrap_or(LOGGING);
        let (endpoint, credentials) = shown("endpoints.logging", address)?;
        let logging = Logging::new(endpoint, credentials).map_err(WiringError::mistake)?;
        Ok(Arc::new(logging))
    }

    pub(super) fn runtime(config: &Config) -> Result<Option<Arc<dyn Runtime>>, WiringError> {
        let address = config.endpoints.run.as_deref().unwrap_or(RUN);
        let (endpoint, credentials) = shown("endpoints.run", address)?;
        let run = CloudRun::new(endpoint, credentials).map_err(WiringError::mistake)?;
        Ok(Some(Arc::new(run)))
    }

    pub(super) fn rollouts(config: &Config) -> Result<Arc<dyn RolloutPlatform>, WiringError> {
        let address = config.endpoints.run.as_deref().unwrap_or(RUN);
        let (endpoint, credentials) = shown("endpoints.run", address)?;
        let run = CloudRunRollouts::new(endpoint, credentials).map_err(WiringError::mistake)?;
        Ok(Arc::new(run))
    }

    pub(super) fn estate(
        resources: &[String],
        config: &Config,
    ) -> Result<Arc<dyn EstateReader>, WiringError> {
        for resource in resources {
            Estate::check(resource).map_err(WiringError::mistake)?;
        }
        let set = &config.endpoints;
        let at = |setting: &str, address: &Option<String>, otherwise: &str| {
            let address = address.as_deref().unwrap_or(otherwise);
            Endpoint::parse(address).map_err(|error| mistake(setting, error))
        };
        let endpoints = EstateEndpoints {
            resource_manager: at(
                "endpoints.resourceManager",
                &set.resource_manager,
                RESOURCE_MANAGER,
            )?,
            logging: at("endpoints.logging", &set.logging, LOGGING)?,
            pubsub: at("endpoints.pubsub", &set.pubsub, PUBSUB)?,
            run: at("endpoints.run", &set.run, RUN)?,
            container: at("endpoints.container", &set.container, CONTAINER)?,
            org_policy: at("endpoints.orgPolicy", &set.org_policy, ORG_POLICY)?,
        };
        let emulated = [
            &endpoints.resource_manager,
            &endpoints.logging,
            &endpoints.pubsub,
            &endpoints.run,
            &endpoints.container,
            &endpoints.org_policy,
        ];
        // No emulator is shown an identity, so none is needed where there is nothing else.
        let credentials = match emulated.into_iter().all(Endpoint::is_anonymous) {
            true => None,
            false => Some(GoogleCredentials::from_environment().map_err(WiringError::mistake)?),
        };
        let estate = Estate::new(endpoints, credentials.as_ref());
        Ok(Arc::new(estate.map_err(WiringError::mistake)?))
    }

    pub(super) fn forwarded(config: &Config) -> Result<Arc<dyn GoogleApis>, WiringError> {
        let run = config.forward.upstream.as_deref().unwrap_or(RUN);
        let run = Endpoint::parse(run).map_err(|error| mistake("forward.upstream", error))?;
        let projects = &config.endpoints.resource_manager;
        let projects = projects.as_deref().unwrap_or(RESOURCE_MANAGER);
        let projects = Endpoint::parse(projects);
        let projects = projects.map_err(|error| mistake("endpoints.resourceManager", error))?;
        let own = config.forward.deploy_as == DeployAs::Gate && !run.is_anonymous();
        let credentials = own.then(GoogleCredentials::from_environment).transpose();
        let credentials = credentials.map_err(WiringError::mistake)?;
        let passed_on = PassedOn::new(run, projects, credentials);
        Ok(Arc::new(passed_on.map_err(WiringError::mistake)?))
    }

    /// An endpoint, with the credential that it is shown: an emulator is shown none.
    pub(crate) fn shown(
        setting: &str,
        address: &str,
    ) -> Result<(Endpoint, Option<GoogleCredentials>), WiringError> {
        let endpoint = Endpoint::parse(address).map_err(|error| mistake(setting, error))?;
        let credentials = match endpoint.is_anonymous() {
            true => None,
            false => Some(GoogleCredentials::from_environment().map_err(WiringError::mistake)?),
        };
        Ok((endpoint, credentials))
    }

    fn mistake(setting: &str, error: impl std::fmt::Display) -> WiringError {
        WiringError::mistake(format_args!("{setting}: {error}"))
    }
}

#[cfg(not(feature = "gcp"))]
mod built {
    use super::{
        Arc, Config, Environment, EstateReader, EventSubscription, GoogleApis, LogReader,
        RolloutPlatform, Runtime, WiringError,
    };

    pub(super) fn rollouts(_: &Config) -> Result<Arc<dyn RolloutPlatform>, WiringError> {
        Err(WiringError::not_built("deploying to Cloud Run", "gcp"))
    }

    pub(super) fn forwarded(_: &Config) -> Result<Arc<dyn GoogleApis>, WiringError> {
        Err(WiringError::not_built(
            "standing in front of the Cloud Run API (forward.hosts)",
            "gcp",
        ))
    }

    pub(super) fn estate(_: &[String], _: &Config) -> Result<Arc<dyn EstateReader>, WiringError> {
        Err(WiringError::not_built(
            "reading what there is on Google Cloud",
            "gcp",
        ))
    }

    pub(super) fn subscriptions(
        _: &[String],
        _: &Config,
        _: &dyn Environment,
    ) -> Result<Vec<Arc<dyn EventSubscription>>, WiringError> {
        Err(WiringError::not_built(
            "pulling from Pub/Sub (audit.pull)",
            "gcp",
        ))
    }

    pub(super) fn log_reader(_: &[String], _: &Config) -> Result<Arc<dyn LogReader>, WiringError> {
        let what = "reading logs back at Cloud Logging (audit.reconcile)";
        Err(WiringError::not_built(what, "gcp"))
    }

    pub(super) fn runtime(_: &Config) -> Result<Option<Arc<dyn Runtime>>, WiringError> {
        Ok(None)
    }
}

#[cfg(all(test, feature = "gcp"))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn config(pubsub: Option<&str>) -> Config {
        let mut config = Config::default();
        config.audit.pull = vec!["projects/demo-mart/subscriptions/audit".to_owned()];
        config.endpoints.pubsub = pubsub.map(str::to_owned);
        config
    }

    fn emulator(host: &str) -> BTreeMap<String, String> {
        [("PUBSUB_EMULATOR_HOST".to_owned(), host.to_owned())].into()
    }

    #[tokio::test]
    async fn an_emulator_on_this_machine_needs_no_identity() {
        let made = subscriptions(&config(None), &emulator("127.0.0.1:8085")).unwrap();
        assert_eq!(made[0].name(), "projects/demo-mart/subscriptions/audit");
        let nowhere = BTreeMap::new();
        assert!(subscriptions(&config(Some("http://[::1]:8085")), &nowhere).is_ok());
    }

    #[tokio::test]
    async fn mistakes_name_the_setting() {
        let message = |config: &Config, host: &str| {
            let error = subscriptions(config, &emulator(host)).err().unwrap();
            error.to_string()
        };
        let elsewhere = message(&config(None), "192.0.2.1:8085");
        assert!(
            elsewhere.starts_with("PUBSUB_EMULATOR_HOST: "),
            "{elsewhere}"
        );
        let config = config(Some("http://example.com"));
        let plain = message(&config, "");
        assert!(plain.starts_with("endpoints.pubsub: "), "{plain}");
        let error = log_reader(&["demo-mart".to_owned()], &Config::default());
        let error = error.err().unwrap().to_string();
        assert!(error.contains("projects/P"), "{error}");
    }

    #[test]
    fn nothing_configured_is_nothing_fetched() {
        let nowhere = BTreeMap::new();
        assert!(
            subscriptions(&Config::default(), &nowhere)
                .unwrap()
                .is_empty()
        );
        assert!(log_reader(&[], &Config::default()).unwrap().is_none());
    }
}
