//! Where Cloud Run is, and which region a host stands for.

/// The regions of Cloud Run ("Cloud Run locations").
const REGIONS: [&str; 43] = [
    "africa-south1",
    "asia-east1",
    "asia-east2",
    "asia-northeast1",
    "asia-northeast2",
    "asia-northeast3",
    "asia-south1",
    "asia-south2",
    "asia-southeast1",
    "asia-southeast2",
    "asia-southeast3",
    "australia-southeast1",
    "australia-southeast2",
    "europe-central2",
    "europe-north1",
    "europe-north2",
    "europe-southwest1",
    "europe-west1",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "europe-west8",
    "europe-west9",
    "europe-west10",
    "europe-west12",
    "me-central1",
    "me-central2",
    "me-west1",
    "northamerica-northeast1",
    "northamerica-northeast2",
    "northamerica-south1",
    "southamerica-east1",
    "southamerica-west1",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-east5",
    "us-south1",
    "us-west1",
    "us-west2",
    "us-west3",
    "us-west4",
];

/// The regions that are forwarded to. A host is made of a region's name, so nothing else may be taken for one.
#[derive(Debug, Clone)]
pub(crate) struct Regions(Vec<String>);

impl Regions {
    /// These, or where none are named those that there are known to be.
    pub(crate) fn of(named: &[String]) -> Self {
        match named {
            [] => Self(REGIONS.iter().map(|&region| region.to_owned()).collect()),
            named => Self(named.to_vec()),
        }
    }

    /// Whether this is one of them.
    pub(crate) fn has(&self, region: &str) -> bool {
        self.0.iter().any(|known| known == region)
    }

    /// The region before one of `hosts`: of `us-central1-run.gate.example` it is `us-central1`, where
    /// `*-run.gate.example` is a host. `None` for a host without a region; an error for what is none.
    pub(crate) fn before<'h>(
        &self,
        hosts: &[String],
        host: &'h str,
    ) -> Result<Option<&'h str>, &'h str> {
        let mut bases = hosts
            .iter()
            .filter_map(|pattern| pattern.strip_prefix("*-"));
        let before = bases.find_map(|base| {
            let before = host.strip_suffix(&base.to_ascii_lowercase())?;
            before.strip_suffix('-')
        });
        match before {
            None => Ok(None),
            Some(region) if self.has(region) => Ok(Some(region)),
            Some(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_one_of_those_there_are() {
        let regions = Regions::of(&[]);
        let hosts = [
            "run.gate.example".to_owned(),
            "*-run.gate.example".to_owned(),
        ];
        let before = |host| regions.before(&hosts, host);
        assert_eq!(before("run.gate.example"), Ok(None));
        assert_eq!(
            before("us-central1-run.gate.example"),
            Ok(Some("us-central1"))
        );
        assert_eq!(before("moon-base1-run.gate.example"), Err("moon-base1"));
        let own = Regions::of(&["moon-base1".to_owned()]);
        assert_eq!(
            own.before(&hosts, "moon-base1-run.gate.example"),
            Ok(Some("moon-base1"))
        );
    }
}
