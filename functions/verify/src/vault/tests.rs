use postern_core::attestor::SignatureAlgorithm;
use rstest::rstest;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::*;
use crate::pkix::PkixKey;

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const NAME: &str =
    "projects/shop/locations/global/keyRings/trust/cryptoKeys/ci/cryptoKeyVersions/1";

fn vault() -> Vault {
    Vault::new(HEX).unwrap()
}

const fn key(name: &str, algorithm: SignatureAlgorithm) -> KeyUse<'_> {
    KeyUse { name, algorithm }
}

#[rstest]
#[case(SignatureAlgorithm::EcdsaP256Sha256, Sha256::digest(b"payload").to_vec())]
#[case(SignatureAlgorithm::EcdsaP384Sha384, Sha384::digest(b"payload").to_vec())]
#[case(SignatureAlgorithm::RsaPss2048Sha256, Sha256::digest(b"payload").to_vec())]
#[case(SignatureAlgorithm::RsaPkcs1_3072Sha256, Sha256::digest(b"payload").to_vec())]
#[case(SignatureAlgorithm::RsaPss4096Sha512, Sha512::digest(b"payload").to_vec())]
fn what_a_sealed_key_signs_verifies(
    #[case] algorithm: SignatureAlgorithm,
    #[case] digest: Vec<u8>,
) {
    let (vault, key) = (vault(), key(NAME, algorithm));
    let sealed = vault.make(key).unwrap();
    let signature = vault.sign(key, &sealed, &digest).unwrap();
    let public = PkixKey::from_pem(&sealed.public_key_pem, algorithm).unwrap();
    public.verify(b"payload", &signature).unwrap();
    assert!(public.verify(b"another", &signature).is_err());
    let error = vault.sign(key, &sealed, &digest[1..]).unwrap_err();
    assert!(matches!(error, VaultError::Key(_)), "{error}");
}

#[test]
fn a_key_opens_only_as_what_it_was_sealed() {
    use SignatureAlgorithm::{EcdsaP256Sha256, EcdsaP384Sha384};
    let (vault, own) = (vault(), key(NAME, EcdsaP256Sha256));
    let (sealed, other) = (vault.make(own).unwrap(), vault.make(own).unwrap());
    let digest = Sha256::digest(b"payload");
    let refused = |vault: &Vault, key: KeyUse<'_>, sealed: &SealedKey| {
        assert_eq!(
            vault.sign(key, sealed, &digest),
            Err(VaultError::Sealed),
            "{key:?}"
        );
    };
    refused(&vault, key("projects/evil", EcdsaP256Sha256), &sealed);
    refused(&vault, key(NAME, EcdsaP384Sha384), &sealed);
    refused(&Vault::new(&HEX.replace('0', "1")).unwrap(), own, &sealed);
    let half_of_another = SealedKey {
        public_key_pem: other.public_key_pem,
        ..sealed.clone()
    };
    refused(&vault, own, &half_of_another);
    for at in [0, 1, NONCE_LEN + 1, sealed.sealed.0.len() - 1] {
        let mut changed = sealed.clone();
        changed.sealed.0[at] ^= 1;
        refused(&vault, own, &changed);
    }
    for length in [0, 1, NONCE_LEN, NONCE_LEN + 5] {
        let mut cut = sealed.clone();
        cut.sealed.0.truncate(length);
        refused(&vault, own, &cut);
    }
    assert!(vault.sign(own, &sealed, &digest).is_ok());
}

#[test]
fn what_is_sealed_does_not_show_the_key() {
    let (vault, own) = (vault(), key(NAME, SignatureAlgorithm::EcdsaP256Sha256));
    let sealed = vault.make(own).unwrap();
    let opened = vault.open(own, &sealed).unwrap().pkcs8().unwrap();
    // The private scalar stands behind the header of a PKCS#8 of P-256.
    let secret = &opened[36..68];
    assert!(!sealed.sealed.0.windows(32).any(|bytes| bytes == secret));
    assert_ne!(sealed.sealed, vault.make(own).unwrap().sealed);
}

#[test]
fn wrapping_keys_are_32_bytes() {
    let generated = Vault::generate_wrapping_key().unwrap();
    assert!(Vault::new(&generated).is_ok());
    assert!(Vault::new(&format!("{}\n", *generated)).is_ok());
    let short = Base64::encode(&[1; 31]);
    for text in ["", "secret", &short, &HEX[1..], &HEX.replace('0', "x")] {
        let error = Vault::new(text).unwrap_err();
        assert_eq!(error, VaultError::WrappingKey, "{text}");
    }
    assert_eq!(format!("{:?}", vault()), "Vault { .. }");
}
