//! The checksum that Google's APIs send along with what must not change on its way.

/// CRC-32C (RFC 3720, B.4), bit by bit: what is summed here is short.
pub fn crc32c(data: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg())
        })
    };
    !data.iter().fold(!0, step)
}

/// Whether this is the checksum of the data, as an API writes it: an int64, which is a string in JSON.
pub fn is_of(written: &str, data: &[u8]) -> bool {
    written.parse() == Ok(crc32c(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32c() {
        // RFC 3720, B.4: 32 bytes of zeroes, and of ones.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert!(is_of("2324772522", &[0; 32]));
        assert!(!is_of("2324772523", &[0; 32]));
        assert!(!is_of("", &[0; 32]));
    }
}
