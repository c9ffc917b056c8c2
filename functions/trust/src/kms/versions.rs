//! `…/cryptoKeys/K/cryptoKeyVersions`.

use postern_core::ports::{KeyUse, KeyVault, Resource, ResourceWrite, Unavailable, Wrote};
use serde_json::{Value, json};

use super::algorithm::Algorithm;
use super::kept::{State, Version, kept, version_answer, write};
use super::{masked, precondition, told, without};
use crate::audit::{DESTROYED, Told};
use crate::call::Call;
use crate::error::ApiError;
use crate::page::listed;
use crate::trust::Trust;

impl Trust {
    pub(super) async fn key_versions(&self, call: &Call, key: &str) -> Result<Value, ApiError> {
        self.stored_key(key).await?;
        let page = call.page()?;
        let collection = format!("{key}/cryptoKeyVersions");
        let (stored, last) = self.listed_resources(&collection, &page).await?;
        let mut versions = Vec::new();
        for stored in stored {
            let (stored, version) = self.settled(stored).await?;
            versions.push(version_answer(&stored, &version));
        }
        Ok(listed("cryptoKeyVersions", versions, last.as_deref()))
    }

    /// Makes the next version. Google's numbers go up by one, and are never used again.
    pub(super) async fn create_key_version(
        &self,
        call: &Call,
        key: &str,
    ) -> Result<Value, ApiError> {
        let body = without(
            call.body()?,
            &["name", "createTime", "algorithm", "protectionLevel"],
        );
        if body
            .iter()
            .any(|(field, value)| field != "state" || value != "ENABLED")
        {
            return Err(ApiError::invalid(
                "a version is made as its key's versionTemplate says, and enabled: send none of its fields",
            ));
        }
        let (stored, mut kept) = self.stored_key(key).await?;
        kept.versions += 1;
        let name = version_name(key, kept.versions);
        let version = self.made_version(&name, kept.algorithm).await?;
        let told = told(
            call,
            "CreateCryptoKeyVersion",
            &name,
            "cloudkms.cryptoKeyVersions.create",
            json!({"parent": key, "cryptoKeyVersion": {}}),
        );
        self.write(vec![write(key, stored.revision, &kept)?, version], told)
            .await?;
        self.key_version(&name).await
    }

    pub(super) async fn key_version(&self, name: &str) -> Result<Value, ApiError> {
        let (stored, version) = self.stored_version(name).await?;
        Ok(version_answer(&stored, &version))
    }

    /// Enables or disables a version.
    pub(super) async fn update_key_version(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        masked(call, &["state"])?;
        let state = match call.body()?.get("state").and_then(Value::as_str) {
            Some("ENABLED") => State::Enabled,
            Some("DISABLED") => State::Disabled,
            _ => return Err(ApiError::invalid("state must be ENABLED or DISABLED")),
        };
        let told = told(
            call,
            "UpdateCryptoKeyVersion",
            name,
            "cloudkms.cryptoKeyVersions.update",
            json!({"cryptoKeyVersion": {"name": name, "state": state}, "updateMask": "state"}),
        );
        let usable = [State::Enabled, State::Disabled];
        let to = |version| Version { state, ..version };
        self.change(name, &usable, told, to).await
    }

    /// Sets a version to be destroyed when its key's time for second thoughts is over.
    pub(super) async fn destroy_key_version(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        let (_, key) = self.stored_key(key_of(name)).await?;
        let due = key.destroyed_at(self.now());
        let told = told(
            call,
            "DestroyCryptoKeyVersion",
            name,
            "cloudkms.cryptoKeyVersions.destroy",
            json!({"name": name}),
        );
        let usable = [State::Enabled, State::Disabled];
        let to = |version| Version {
            state: State::DestroyScheduled,
            destroy_time: Some(due),
            ..version
        };
        self.change(name, &usable, told, to).await
    }

    /// Takes a version back that was to be destroyed. It is disabled then.
    pub(super) async fn restore_key_version(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Value, ApiError> {
        let told = told(
            call,
            "RestoreCryptoKeyVersion",
            name,
            "cloudkms.cryptoKeyVersions.restore",
            json!({"name": name}),
        );
        let to = |version| Version {
            state: State::Disabled,
            destroy_time: None,
            ..version
        };
        self.change(name, &[State::DestroyScheduled], told, to)
            .await
    }

    /// A version that is in one of these states becomes another.
    async fn change(
        &self,
        name: &str,
        from: &[State],
        told: Told,
        to: impl FnOnce(Version) -> Version,
    ) -> Result<Value, ApiError> {
        let (stored, version) = self.stored_version(name).await?;
        if !from.contains(&version.state) {
            let words: Vec<&str> = from.iter().map(|state| state.word()).collect();
            return Err(precondition(format!(
                "{name} must be {}, current state is: {}.",
                words.join(" or "),
                version.state.word()
            )));
        }
        let write = write(name, stored.revision, &to(version))?;
        self.write(vec![write], told).await?;
        self.key_version(name).await
    }

    /// A version that signs and shows its public half.
    pub(super) async fn enabled_version(
        &self,
        name: &str,
    ) -> Result<(Resource, Version), ApiError> {
        let (stored, version) = self.stored_version(name).await?;
        match version.state {
            State::Enabled => Ok((stored, version)),
            other => Err(precondition(format!(
                "{name} is not enabled, current state is: {}.",
                other.word()
            ))),
        }
    }

    async fn stored_version(&self, name: &str) -> Result<(Resource, Version), ApiError> {
        let stored = self.store().resource(name).await?;
        let stored = stored.ok_or_else(|| ApiError::not_found("CryptoKeyVersion", name))?;
        self.settled(stored).await
    }

    /// A version as it stands now: if its time has come, its key is erased before anything is said of it.
    async fn settled(&self, stored: Resource) -> Result<(Resource, Version), ApiError> {
        let (mut stored, mut version) = (stored.clone(), kept::<Version>(&stored)?);
        let now = self.now();
        if version.is_due(now) {
            version = version.destroyed(now);
            let write = write(&stored.name, stored.revision, &version)?;
            let entry = destruction(&stored.name).entry(now);
            match self
                .store()
                .write_resources(vec![write], now, entry)
                .await?
            {
                Wrote::Written => stored.revision += 1,
                Wrote::Stale | Wrote::SameAs(_) => return Err(ApiError::stale(&stored.name)),
            }
        }
        Ok((stored, version))
    }

    /// The write of a new version.
    pub(super) async fn made_version(
        &self,
        name: &str,
        algorithm: Algorithm,
    ) -> Result<ResourceWrite, ApiError> {
        let use_of = KeyUse {
            name,
            algorithm: algorithm.signature(),
        };
        let key = self.keys()?.make(use_of).await.map_err(of_vault)?;
        let version = Version {
            state: State::Enabled,
            algorithm,
            key: Some(key),
            destroy_time: None,
            destroy_event_time: None,
        };
        write(name, 0, &version)
    }

    /// What keys are made by and sign in.
    pub(super) fn keys(&self) -> Result<&dyn KeyVault, ApiError> {
        self.vault().ok_or_else(|| {
            precondition(
                "no software keys are kept here, for want of a key to encrypt them with: configure \
                 trust.keys.wrappingKey",
            )
        })
    }
}

/// What the vault cannot do now, or never can.
pub(super) fn of_vault(error: Unavailable) -> ApiError {
    match error.permanent {
        true => precondition(error.message),
        false => error.into(),
    }
}

/// The name of a key's version.
pub(super) fn version_name(key: &str, version: u32) -> String {
    format!("{key}/cryptoKeyVersions/{version}")
}

/// The key that a version's name begins with.
fn key_of(version: &str) -> &str {
    let parts = version.rsplit_once("/cryptoKeyVersions/");
    parts.map_or(version, |(key, _)| key)
}

/// That a version's key was erased, which nobody called for.
fn destruction(name: &str) -> Told {
    Told {
        method: DESTROYED.to_owned(),
        resource: name.to_owned(),
        permission: "cloudkms.cryptoKeyVersions.destroy".to_owned(),
        request: json!({"name": name}),
        principal: "postern".to_owned(),
        ip: None,
        user_agent: None,
        delta: None,
    }
}
