//! Takes PEM text apart, whatever stands around the blocks.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Tools differ on padding; a certificate without it is still one.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One block: its label, and its bytes when they can be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What stands after `BEGIN`.
    pub(super) label: String,
    /// The decoded bytes; none when the block is broken or holds a private key, which nobody needs here.
    pub(super) bytes: Option<Vec<u8>>,
}

/// The blocks of a file, at most `limit`.
pub(super) fn blocks(text: &str, limit: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while blocks.len() < limit {
        let Some(line) = lines.next() else { break };
        let Some(label) = line.trim().strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"))
        else {
            continue;
        };
        let is_private = label.contains("PRIVATE KEY");
        let mut body = String::new();
        let mut ended = false;
        for line in lines.by_ref() {
            let line = line.trim();
            if line.starts_with("-----END ") {
                ended = true;
                break;
            }
            // Headers such as `Proc-Type: 4,ENCRYPTED`.
            if !is_private && !line.contains(':') {
                body.push_str(line);
            }
        }
        let bytes = (ended && !is_private).then(|| LENIENT.decode(&body).ok()).flatten();
        blocks.push(Block { label: label.chars().take(60).collect(), bytes });
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = "subject=x\n-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\njunk\n\
                    -----BEGIN RSA PRIVATE KEY-----\nAQID\n-----END RSA PRIVATE KEY-----\n\
                    -----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n\
                    -----BEGIN CERTIFICATE-----\nAQ";
        let blocks = blocks(text, 10);
        let found: Vec<_> = blocks.iter().map(|block| (block.label.as_str(), block.bytes.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("CERTIFICATE", Some(&[1, 2, 3][..])),
                ("RSA PRIVATE KEY", None),
                ("CERTIFICATE", None),
                ("CERTIFICATE", None),
            ]
        );
    }

    #[test]
    fn there_are_no_more_blocks_than_asked_for() {
        let text = "-----BEGIN X-----\n-----END X-----\n".repeat(100);
        assert_eq!(blocks(&text, 7).len(), 7);
    }
}
