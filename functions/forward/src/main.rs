//! The forwarding gate as a process of its own: callers' tokens go through here, and nothing that anybody
//! attests is read. The gate that it asks is another process.

use std::process::ExitCode;
use std::sync::Arc;

use postern_forward::{Forward, ForwardOptions, ForwardParts, router};
use postern_host::environment::Process;
use postern_host::server::VirtualHost;
use postern_host::telemetry::Readiness;
use postern_wiring::{Doors, StartError};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the forwarding gate cannot run");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), StartError> {
    let (config, environment) = postern_wiring::start(Process).await?;
    let hosts = &config.forward.hosts;
    let gate = postern_wiring::deployment_gate(&config, &environment)?;
    let gate = gate.filter(|_| !hosts.is_empty()).ok_or_else(|| {
        let message = "forward.hosts and forward.gate must both be configured: the hosts that callers \
                       take for the API's, and the gate that decides";
        StartError::Function(message.to_owned())
    })?;
    let parts = ForwardParts {
        google: postern_wiring::forwarded(&config)?,
        gate,
    };
    let forward = Forward::new(parts, ForwardOptions::from(&config));
    let doors = Doors {
        beside: Some(VirtualHost::new(hosts, router(Arc::new(forward)))),
        ..Doors::default()
    };
    let readiness = Readiness::always();
    postern_wiring::run(Vec::new(), doors, readiness, &config, &environment).await
}
