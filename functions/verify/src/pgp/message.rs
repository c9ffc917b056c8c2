//! Attached messages, as `gpg --armor --sign` makes them: one-pass signatures, one literal, the
//! signatures in reverse order, all of it compressed at most once (RFC 9580, section 10.3).

use std::io::Read as _;

use ::pgp::packet::{CompressedData, Packet, PacketParser, Signature};

use super::armor::{MESSAGE, dearmor};
use crate::attestation::MAX_PAYLOAD;

/// How many people may sign one message.
const MAX_SIGNERS: usize = 8;
/// The most that a compressed packet may unfold to: the largest payload and its signatures.
const MAX_UNFOLDED: u64 = MAX_PAYLOAD as u64 + 32 * 1024;

/// A message taken apart; nothing is verified yet.
#[derive(Debug)]
pub(super) struct AttachedMessage {
    /// The signed bytes.
    pub(super) text: Vec<u8>,
    /// The signatures over them, none of them looked at.
    pub(super) signatures: Vec<Signature>,
}

/// Takes an armored message apart.
pub(super) fn read(armored: &[u8]) -> Result<AttachedMessage, String> {
    let text = std::str::from_utf8(armored)
        .map_err(|_| "no armored text (sign with gpg --armor --sign)".to_owned())?;
    let packets = packets(&dearmor(text, MESSAGE)?)?;
    let mut packets = packets.into_iter();
    match (packets.next(), packets.len()) {
        (Some(Packet::CompressedData(compressed)), 0) => {
            let inner = self::packets(&unfold(&compressed)?)?;
            attached(inner.into_iter())
        }
        (Some(first), _) => attached(std::iter::once(first).chain(packets)),
        (None, _) => Err("the message is empty".to_owned()),
    }
}

/// Every packet, each of them read in full. What cannot be read is an error here, not passed over.
fn packets(bytes: &[u8]) -> Result<Vec<Packet>, String> {
    let mut packets = Vec::new();
    for packet in PacketParser::new(bytes) {
        match packet.map_err(|error| format!("a packet cannot be read: {error}"))? {
            Packet::Marker(_) => {}
            packet => packets.push(packet),
        }
        if packets.len() > 2 * MAX_SIGNERS + 1 {
            return Err(format!("more than {MAX_SIGNERS} signatures"));
        }
    }
    Ok(packets)
}

fn unfold(compressed: &CompressedData) -> Result<Vec<u8>, String> {
    let unreadable = |error: &dyn std::fmt::Display| {
        format!("it cannot be decompressed (gpg: --compress-algo zip): {error}")
    };
    let reader = compressed
        .decompress()
        .map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    reader
        .take(MAX_UNFOLDED + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_UNFOLDED {
        return Err(format!("it unfolds to more than {MAX_UNFOLDED} bytes"));
    }
    Ok(bytes)
}

fn attached(packets: impl Iterator<Item = Packet>) -> Result<AttachedMessage, String> {
    let mut packets = packets.peekable();
    let mut announced = 0;
    while packets
        .next_if(|packet| matches!(packet, Packet::OnePassSignature(_)))
        .is_some()
    {
        announced += 1;
    }
    let literal = match packets.next() {
        Some(Packet::LiteralData(literal)) if announced > 0 => literal,
        Some(Packet::CompressedData(_)) => return Err("compressed data inside".to_owned()),
        _ => return Err("not a signature around one literal (gpg --armor --sign)".to_owned()),
    };
    let mut signatures = Vec::new();
    for packet in packets {
        match packet {
            Packet::Signature(signature) => signatures.push(signature),
            _ => return Err("there is something else beside one literal".to_owned()),
        }
    }
    if signatures.len() != announced {
        return Err(format!(
            "{announced} signatures are announced and {} made",
            signatures.len()
        ));
    }
    Ok(AttachedMessage {
        text: literal.data().to_vec(),
        signatures,
    })
}
