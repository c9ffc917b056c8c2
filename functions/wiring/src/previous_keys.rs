//! The public halves of the keys that the ledger was signed with before.

use postern_host::config::Ledger;
use postern_host::environment::Environment;
use postern_host::secret;
use postern_verify::NoteKey;
use secrecy::ExposeSecret as _;

use crate::WiringError;

/// The keys of `ledger.previousKeys`.
///
/// # Errors
/// If one cannot be read, or is no public key of ECDSA P-256.
pub fn previous_keys(
    ledger: &Ledger,
    environment: &dyn Environment,
) -> Result<Vec<NoteKey>, WiringError> {
    let mut keys = Vec::new();
    for (index, reference) in ledger.previous_keys.iter().enumerate() {
        let wrong = |error: &dyn std::fmt::Display| {
            WiringError::mistake(format_args!("ledger.previousKeys[{index}]: {error}"))
        };
        let pem = secret::resolve(reference, environment).map_err(|error| wrong(&error))?;
        let key = NoteKey::from_pem(pem.expose_secret());
        keys.push(key.map_err(|error| wrong(&error))?);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use postern_host::config::SecretReference;
    use postern_verify::signer::generate_p256;

    use super::*;

    fn read(keys: &[&str]) -> Result<Vec<NoteKey>, String> {
        let name = |index| format!("KEY{index}");
        let environment: BTreeMap<_, _> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| (name(index), (*key).to_owned()))
            .collect();
        let references =
            (0..keys.len()).map(|index| SecretReference(format!("env:{}", name(index))));
        let ledger = Ledger {
            previous_keys: references.collect(),
            ..Ledger::default()
        };
        previous_keys(&ledger, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn public_halves_are_read_and_private_ones_refused_unseen() {
        let (private, public) = generate_p256().unwrap();
        assert_eq!(read(&[&public, &public]).unwrap().len(), 2);
        let error = read(&[&public, &private]).err().unwrap();
        assert!(error.starts_with("ledger.previousKeys[1]: "), "{error}");
        assert!(error.contains("-pubout"), "{error}");
        let secret = private.lines().nth(1).unwrap();
        assert!(!error.contains(secret), "{error}");
    }
}
