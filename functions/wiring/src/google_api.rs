//! Binary Authorization and Container Analysis, where the configuration says that they are, or where `gcloud`
//! is told so.

use std::sync::Arc;

use postern_core::ports::{AttestationSink, AttestationSource, PolicyAuthority, TrustMaterial};
use postern_host::config::Config;
use postern_host::environment::Environment;

use crate::WiringError;

/// Policies and attestors where Google enforces them.
///
/// # Errors
/// If the endpoint is none, there is no identity to ask with, or this build has no client.
pub fn policy_authority(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn PolicyAuthority>, WiringError> {
    built::policy_authority(config, environment)
}

/// As [`policy_authority`], for whoever judges by them.
pub(crate) fn trust_material(
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn TrustMaterial>, WiringError> {
    built::trust_material(config, environment)
}

/// The attestations of `projects/P` in Container Analysis.
pub(crate) fn attestation_source(
    project: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn AttestationSource>, WiringError> {
    built::attestation_source(project, config, environment)
}

/// As [`attestation_source`], to store them.
pub(crate) fn attestation_sink(
    project: &str,
    config: &Config,
    environment: &dyn Environment,
) -> Result<Arc<dyn AttestationSink>, WiringError> {
    built::attestation_sink(project, config, environment)
}

#[cfg(feature = "gcp")]
mod built {
    use postern_gcp::{
        BINARY_AUTHORIZATION, BinaryAuthorization, CONTAINER_ANALYSIS, ContainerAnalysis, Endpoint,
        GoogleCredentials,
    };

    use super::{
        Arc, AttestationSink, AttestationSource, Config, Environment, PolicyAuthority,
        TrustMaterial, WiringError,
    };
    use crate::fetched::built::shown;

    pub(super) fn policy_authority(
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<Arc<dyn PolicyAuthority>, WiringError> {
        Ok(Arc::new(binary_authorization(config, environment)?))
    }

    pub(super) fn trust_material(
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<Arc<dyn TrustMaterial>, WiringError> {
        Ok(Arc::new(binary_authorization(config, environment)?))
    }

    pub(super) fn attestation_source(
        project: &str,
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<Arc<dyn AttestationSource>, WiringError> {
        Ok(Arc::new(container_analysis(project, config, environment)?))
    }

    pub(super) fn attestation_sink(
        project: &str,
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<Arc<dyn AttestationSink>, WiringError> {
        Ok(Arc::new(container_analysis(project, config, environment)?))
    }

    fn binary_authorization(
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<BinaryAuthorization, WiringError> {
        let (endpoint, credentials) = at(
            "endpoints.binaryAuthorization",
            config.endpoints.binary_authorization.as_ref(),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_BINARYAUTHORIZATION",
            BINARY_AUTHORIZATION,
            environment,
        )?;
        BinaryAuthorization::new(endpoint, credentials).map_err(WiringError::mistake)
    }

    fn container_analysis(
        project: &str,
        config: &Config,
        environment: &dyn Environment,
    ) -> Result<ContainerAnalysis, WiringError> {
        let (endpoint, credentials) = at(
            "endpoints.containerAnalysis",
            config.endpoints.container_analysis.as_ref(),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINERANALYSIS",
            CONTAINER_ANALYSIS,
            environment,
        )?;
        ContainerAnalysis::new(project, endpoint, credentials).map_err(WiringError::mistake)
    }

    fn at(
        setting: &str,
        configured: Option<&String>,
        variable: &str,
        otherwise: &str,
        environment: &dyn Environment,
    ) -> Result<(Endpoint, Option<GoogleCredentials>), WiringError> {
        let told = environment.get(variable).filter(|url| !url.is_empty());
        match (configured, told) {
            (Some(address), _) => shown(setting, address),
            (None, Some(address)) => shown(variable, &address),
            (None, None) => shown(setting, otherwise),
        }
    }
}

#[cfg(not(feature = "gcp"))]
mod built {
    use super::{
        Arc, AttestationSink, AttestationSource, Config, Environment, PolicyAuthority,
        TrustMaterial, WiringError,
    };

    const POLICIES: &str = "asking Binary Authorization for projects/…";
    const ATTESTATIONS: &str = "containeranalysis:projects/…";

    pub(super) fn policy_authority(
        _: &Config,
        _: &dyn Environment,
    ) -> Result<Arc<dyn PolicyAuthority>, WiringError> {
        Err(WiringError::not_built(POLICIES, "gcp"))
    }

    pub(super) fn trust_material(
        _: &Config,
        _: &dyn Environment,
    ) -> Result<Arc<dyn TrustMaterial>, WiringError> {
        Err(WiringError::not_built(POLICIES, "gcp"))
    }

    pub(super) fn attestation_source(
        _: &str,
        _: &Config,
        _: &dyn Environment,
    ) -> Result<Arc<dyn AttestationSource>, WiringError> {
        Err(WiringError::not_built(ATTESTATIONS, "gcp"))
    }

    pub(super) fn attestation_sink(
        _: &str,
        _: &Config,
        _: &dyn Environment,
    ) -> Result<Arc<dyn AttestationSink>, WiringError> {
        Err(WiringError::not_built(ATTESTATIONS, "gcp"))
    }
}
