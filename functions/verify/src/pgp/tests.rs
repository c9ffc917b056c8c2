//! Keys and messages are made here, by rPGP's low-level parts, so that each can be spoiled.

use std::sync::LazyLock;

use ::pgp::armor::{self, BlockType};
use ::pgp::bytes::Bytes;
use ::pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, MessageBuilder, SecretKeyParamsBuilder, SignedSecretKey,
    SubkeyParamsBuilder,
};
use ::pgp::crypto::ecc_curve::ECCCurve;
use ::pgp::packet::{
    LiteralData, OnePassSignature, Packet, PacketParser, RevocationCode, SignatureConfig, Subpacket,
};
use ::pgp::ser::Serialize as _;
use ::pgp::types::{CompressionAlgorithm, Password, SigningKey, Tag, Timestamp as PgpTimestamp};
use postern_core::reason::ReasonCode;
use rsa::rand_core::OsRng;
use rstest::rstest;

use super::*;
use crate::signer::{SignerError, SoftwareSigner};

const PAYLOAD: &[u8] = b"{\"synthetic\": \"payload\"}\n";
/// In seconds since 1970; every key here was made then.
const MADE: u32 = 1_767_225_600;

fn at(days: u32) -> Timestamp {
    Timestamp::from_second(i64::from(MADE + days * 86_400)).unwrap()
}

fn key(primary: KeyType, subkey: Option<KeyType>) -> SignedSecretKey {
    let mut params = SecretKeyParamsBuilder::default();
    params
        .key_type(primary)
        .can_certify(true)
        .can_sign(subkey.is_none())
        .can_encrypt(EncryptionCaps::None)
        .created_at(PgpTimestamp::from_secs(MADE))
        .primary_user_id("Synthetic <synthetic@example.com>".into());
    if let Some(subkey) = subkey {
        let subkey = SubkeyParamsBuilder::default()
            .key_type(subkey)
            .can_sign(true)
            .can_encrypt(EncryptionCaps::None)
            .created_at(PgpTimestamp::from_secs(MADE))
            .build()
            .unwrap();
        params.subkeys(vec![subkey]);
    }
    params.build().unwrap().generate(OsRng).unwrap()
}

fn ed25519() -> SignedSecretKey {
    key(KeyType::Ed25519Legacy, None)
}

fn public(key: &SignedSecretKey) -> PgpKey {
    PgpKey::from_armored(&armored_public(key)).unwrap()
}

fn armored_public(key: &SignedSecretKey) -> String {
    key.to_public_key()
        .to_armored_string(ArmorOptions::default())
        .unwrap()
}

fn armored_secret(key: &SignedSecretKey) -> String {
    key.to_armored_string(ArmorOptions::default()).unwrap()
}

fn signature(key: &impl SigningKey, hash: HashAlgorithm, typ: SignatureType) -> Signature {
    let mut config = SignatureConfig::v4(typ, key.algorithm(), hash);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint())).unwrap(),
        Subpacket::regular(SubpacketData::SignatureCreationTime(
            PgpTimestamp::from_secs(MADE + 60),
        ))
        .unwrap(),
    ];
    config.sign(key, &Password::empty(), PAYLOAD).unwrap()
}

/// The packets of a message by this key.
fn packets(key: &SignedSecretKey) -> Vec<Packet> {
    let key = &key.primary_key;
    let signature = signature(key, HashAlgorithm::Sha256, SignatureType::Binary);
    vec![announcement(key), literal(PAYLOAD), signature.into()]
}

fn announcement(key: &impl SigningKey) -> Packet {
    let (binary, hash) = (SignatureType::Binary, HashAlgorithm::Sha256);
    OnePassSignature::v3(binary, hash, key.algorithm(), key.legacy_key_id()).into()
}

fn literal(text: &[u8]) -> Packet {
    LiteralData::from_bytes("", Bytes::copy_from_slice(text))
        .unwrap()
        .into()
}

fn armored(packets: &[Packet]) -> Vec<u8> {
    let mut text = Vec::new();
    let packets: Vec<Packet> = packets.to_vec();
    armor::write(&packets, BlockType::Message, &mut text, None, true).unwrap();
    text
}

/// One compressed packet around these bytes: raw deflate of one stored block (RFC 1951, 3.2.4).
fn compressed(bytes: &[u8]) -> Packet {
    let length = u16::try_from(bytes.len()).unwrap();
    let block = [
        &[1],
        &length.to_le_bytes()[..],
        &(!length).to_le_bytes(),
        bytes,
    ]
    .concat();
    let size = u32::try_from(block.len() + 1).unwrap().to_be_bytes();
    let packet = [&[0xc8, 0xff], &size[..], &[1], &block].concat();
    PacketParser::new(&packet[..]).next().unwrap().unwrap()
}

fn error(key: &SignedSecretKey, message: &[u8]) -> SignatureError {
    public(key).verify(PAYLOAD, message, at(1)).unwrap_err()
}

#[rstest]
#[case::rsa(KeyType::Rsa(2048), None)]
#[case::ecdsa(KeyType::ECDSA(ECCCurve::P256), None)]
#[case::eddsa(KeyType::Ed25519Legacy, None)]
#[case::ed25519(KeyType::Ed25519, None)]
#[case::signing_subkey(KeyType::Ed25519Legacy, Some(KeyType::ECDSA(ECCCurve::P384)))]
fn what_a_secret_key_signs_its_certificate_verifies(
    #[case] primary: KeyType,
    #[case] subkey: Option<KeyType>,
) {
    let secret = key(primary, subkey);
    let signer = SoftwareSigner::from_pem(&armored_secret(&secret), None, None).unwrap();
    let postern_core::ports::SignerKey::Pgp(certificate) = signer.public_half().unwrap() else {
        panic!("an OpenPGP key is an OpenPGP key");
    };
    let public = PgpKey::from_armored(&certificate).unwrap();
    assert_eq!(public.fingerprint().len(), 40);
    assert_eq!(
        crate::key_id(certificate.as_bytes()).unwrap().to_string(),
        public.fingerprint()
    );
    let message = signer.sign_at(PAYLOAD, at(1)).unwrap();
    assert_eq!(public.verify(PAYLOAD, &message, at(2)), Ok(None));
    let other = public.verify(b"other", &message, at(2)).unwrap_err();
    assert_eq!(other.code(), ReasonCode::SignatureInvalid);
    let stranger = ed25519();
    assert_eq!(
        error(&stranger, &message).code(),
        ReasonCode::SignatureInvalid
    );
}

#[test]
fn a_compressed_message_counts_as_gpg_makes_it() {
    let secret = ed25519();
    let inner = packets(&secret).to_bytes().unwrap();
    let message = armored(&[compressed(&inner)]);
    assert_eq!(public(&secret).verify(PAYLOAD, &message, at(1)), Ok(None));
}

#[test]
fn messages_that_are_not_one_signed_literal_are_malformed() {
    let secret = ed25519();
    let good = packets(&secret);
    let [one_pass, text, signed] = &good[..] else {
        panic!()
    };
    let inside = |packets: &[Packet]| compressed(&packets.to_vec().to_bytes().unwrap());
    let with = |list: &[&Packet]| list.iter().map(|p| (*p).clone()).collect::<Vec<_>>();
    let cases: [(&str, Vec<Packet>); 9] = [
        ("no signature", with(&[text])),
        ("no literal", with(&[one_pass, signed])),
        ("signature only", with(&[signed])),
        ("unannounced", with(&[signed, text])),
        ("two literals", with(&[one_pass, text, text, signed])),
        ("a literal after it", with(&[one_pass, text, signed, text])),
        ("compressed twice", vec![inside(&[inside(&good)])]),
        (
            "compressed inside a signature",
            vec![one_pass.clone(), inside(&good), signed.clone()],
        ),
        (
            "compressed beside others",
            [with(&[&inside(&good)]), good.clone()].concat(),
        ),
    ];
    for (name, packets) in cases {
        let error = error(&secret, &armored(&packets));
        assert_eq!(
            error.code(),
            ReasonCode::SignatureMalformed,
            "{name}: {error}"
        );
    }
}

#[test]
fn bombs_are_not_unfolded() {
    let secret = ed25519();
    let mut zeros = MessageBuilder::from_bytes("", vec![0; 32 << 20]);
    zeros.compression(CompressionAlgorithm::ZLIB);
    let bomb = zeros
        .to_armored_string(OsRng, ArmorOptions::default())
        .unwrap()
        .into_bytes();
    assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
    let why = error(&secret, &bomb).to_string();
    assert!(why.contains("unfolds to more than"), "{why}");
    let mut many = packets(&secret);
    many.splice(0..1, std::iter::repeat_n(many[0].clone(), 500));
    let why = error(&secret, &armored(&many)).to_string();
    assert!(why.contains("more than 8 signatures"), "{why}");
}

#[test]
fn damaged_armor_is_malformed_wherever_it_is_cut() {
    let secret = ed25519();
    let public = public(&secret);
    let message = armored(&packets(&secret));
    let whole = message.len() - "\n".len();
    for length in 0..whole {
        let error = public
            .verify(PAYLOAD, &message[..length], at(1))
            .unwrap_err();
        assert_eq!(
            error.code(),
            ReasonCode::SignatureMalformed,
            "{length}: {error}"
        );
    }
    for twice in [[&message[..], &message].concat(), vec![0xff; 100]] {
        assert_eq!(
            error(&secret, &twice).code(),
            ReasonCode::SignatureMalformed
        );
    }
}

proptest::proptest! {
    #[test]
    fn flipped_bytes_never_count_and_never_panic(position: proptest::sample::Index, bit in 0u8..8) {
        static MADE_ONCE: LazyLock<(PgpKey, Vec<Packet>)> = LazyLock::new(|| {
            let secret = ed25519();
            (public(&secret), packets(&secret))
        });
        let (key, packets) = &*MADE_ONCE;
        let mut bytes = packets.to_bytes().unwrap();
        let at_byte = position.index(bytes.len());
        bytes[at_byte] ^= 1 << bit;
        let text = message_of(&bytes);
        if key.verify(PAYLOAD, &text, at(1)).is_ok() {
            // What is not signed may differ: the announcement and the literal's header.
            let read = message::read(&text).unwrap();
            proptest::prop_assert_eq!(read.text, PAYLOAD);
        }
    }
}

/// Armor around bytes that need not be packets.
fn message_of(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("-----BEGIN PGP MESSAGE-----\n\n{body}\n-----END PGP MESSAGE-----\n").into_bytes()
}

#[test]
fn weak_digests_and_text_signatures_are_refused() {
    let secret = key(KeyType::Rsa(2048), None);
    let by = |hash, typ| {
        let signed = signature(&secret.primary_key, hash, typ);
        armored(&[
            announcement(&secret.primary_key),
            literal(PAYLOAD),
            signed.into(),
        ])
    };
    for weak in [
        HashAlgorithm::Sha1,
        HashAlgorithm::Md5,
        HashAlgorithm::Ripemd160,
    ] {
        let error = error(&secret, &by(weak, SignatureType::Binary));
        assert_eq!(error.code(), ReasonCode::SignatureInvalid);
        assert!(error.to_string().contains("at least SHA256"), "{error}");
    }
    let text = error(&secret, &by(HashAlgorithm::Sha256, SignatureType::Text));
    assert!(text.to_string().contains("--textmode"), "{text}");
}

/// The key with another self-signature, by which it ends after so many days.
fn with_expiry(mut secret: SignedSecretKey, days: u32) -> SignedSecretKey {
    let user = &mut secret.details.users[0];
    let mut config = user.signatures[0].config().unwrap().clone();
    let after = ::pgp::types::Duration::from_secs(days * 86_400);
    config
        .hashed_subpackets
        .push(Subpacket::regular(SubpacketData::KeyExpirationTime(after)).unwrap());
    let signed = config
        .sign_certification(
            &secret.primary_key,
            secret.primary_key.public_key(),
            &Password::empty(),
            Tag::UserId,
            &user.id,
        )
        .unwrap();
    user.signatures = vec![signed];
    secret
}

#[test]
fn an_expired_key_does_not_count_from_its_last_second_on() {
    let secret = with_expiry(ed25519(), 10);
    let public = public(&secret);
    let message = armored(&packets(&secret));
    assert_eq!(public.verify(PAYLOAD, &message, at(9)), Ok(Some(at(10))));
    let error = public.verify(PAYLOAD, &message, at(10)).unwrap_err();
    assert_eq!(error.code(), ReasonCode::KeyExpired);
    assert!(
        error
            .to_string()
            .ends_with("expired at 2026-01-11T00:00:00Z"),
        "{error}"
    );
}

#[test]
fn a_revoked_key_does_not_count() {
    let mut secret = ed25519();
    let message = armored(&packets(&secret));
    let mut config = SignatureConfig::v4(
        SignatureType::KeyRevocation,
        secret.primary_key.algorithm(),
        HashAlgorithm::Sha256,
    );
    let reason = SubpacketData::RevocationReason(RevocationCode::KeyRetired, Bytes::new());
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(
            PgpTimestamp::from_secs(MADE + 120),
        ))
        .unwrap(),
        Subpacket::regular(reason).unwrap(),
    ];
    let public_half = secret.primary_key.public_key().clone();
    let revocation = config
        .sign_key(&secret.primary_key, &Password::empty(), &public_half)
        .unwrap();

    let mut forged = secret.clone();
    forged.details.revocation_signatures = vec![revocation.clone()];
    let stranger = ed25519();
    forged.primary_key = stranger.primary_key.clone();
    forged.details.users = stranger.details.users.clone();
    let other = armored(&packets(&forged));
    assert_eq!(
        public(&forged).verify(PAYLOAD, &other, at(1)),
        Ok(None),
        "somebody else's"
    );

    secret.details.revocation_signatures = vec![revocation];
    assert_eq!(error(&secret, &message).code(), ReasonCode::KeyRevoked);
}

#[test]
fn a_subkey_counts_only_if_it_agreed() {
    let mut secret = key(KeyType::Ed25519Legacy, Some(KeyType::Ed25519Legacy));
    let subkey = &secret.secret_subkeys[0].key;
    let signed = signature(subkey, HashAlgorithm::Sha256, SignatureType::Binary);
    let message = armored(&[announcement(subkey), literal(PAYLOAD), signed.into()]);
    assert_eq!(public(&secret).verify(PAYLOAD, &message, at(1)), Ok(None));

    let binding = &mut secret.secret_subkeys[0].signatures[0];
    let mut config = binding.config().unwrap().clone();
    let is_consent = |p: &Subpacket| matches!(p.data, SubpacketData::EmbeddedSignature(_));
    config
        .hashed_subpackets
        .retain(|packet| !is_consent(packet));
    config
        .unhashed_subpackets
        .retain(|packet| !is_consent(packet));
    let subkey = secret.secret_subkeys[0].key.public_key().clone();
    let primary = secret.primary_key.public_key().clone();
    secret.secret_subkeys[0].signatures = vec![
        config
            .sign_subkey_binding(&secret.primary_key, &primary, &Password::empty(), &subkey)
            .unwrap(),
    ];
    let error = PgpKey::from_armored(&armored_public(&secret)).unwrap_err();
    assert!(
        error.to_string().contains("none of its keys may sign"),
        "{error}"
    );
}

#[test]
fn keys_that_cannot_be_trusted_are_refused_with_a_reason() {
    let one = armored_public(&ed25519());
    let mut bare = ed25519();
    bare.details.users.clear();
    let large = "a key of 64 KiB and more ".repeat(3_000);
    for (text, why) in [
        (format!("{one}{one}"), "more than one armored block"),
        (
            armored_secret(&ed25519()),
            "there is no -----BEGIN PGP PUBLIC KEY BLOCK-----",
        ),
        (one[..one.len() / 2].to_owned(), "line is missing"),
        (one.replacen('=', "!", 1), "cannot be used"),
        (armored_public(&bare), "no valid self-signature"),
        (large, "more than 65536 bytes"),
    ] {
        let error = PgpKey::from_armored(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_locked_secret_key_needs_its_passphrase() {
    let mut secret = ed25519();
    secret
        .primary_key
        .set_password(OsRng, &Password::from("open sesame"))
        .unwrap();
    let text = armored_secret(&secret);
    let signer = SoftwareSigner::from_pem(&text, Some("open sesame"), None).unwrap();
    let message = signer.sign_at(PAYLOAD, at(1)).unwrap();
    assert_eq!(public(&secret).verify(PAYLOAD, &message, at(1)), Ok(None));
    assert_eq!(
        format!("{signer:?}"),
        "SoftwareSigner { algorithm: None, .. }"
    );
    let without = SoftwareSigner::from_pem(&text, None, None).unwrap_err();
    assert_eq!(without, SignerError::PassphraseNeeded);
    let wrong = SoftwareSigner::from_pem(&text, Some("open barley"), None).unwrap_err();
    assert!(matches!(wrong, SignerError::Decryption(_)), "{wrong}");
}
