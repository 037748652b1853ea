//! Public keys in lines of authorized_keys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// The fingerprint of the key in a line, as `ssh-keygen -l` prints it; none when it holds no key.
pub(crate) fn fingerprint(line: &str) -> Option<String> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let [kind, encoded] = pair else { return None };
        if !kind.contains('-') {
            return None;
        }
        let blob = STANDARD.decode(encoded).or_else(|_| STANDARD_NO_PAD.decode(encoded)).ok()?;
        // A key begins with its own type, the length of the name before it.
        let (length, rest) = blob.split_at_checked(4)?;
        let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        (rest.get(..length)? == kind.as_bytes())
            .then(|| format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob))))
    })
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

    #[test]
    fn a_key_is_found_behind_options_and_before_a_comment() {
        let bare = fingerprint(&format!("ssh-ed25519 {ED25519}")).unwrap();
        assert!(bare.starts_with("SHA256:"));
        let full = format!("from=\"10.0.0.0/8\",command=\"echo hi there\" ssh-ed25519 {ED25519} alice@desk");
        assert_eq!(fingerprint(&full), Some(bare));
    }

    #[test]
    fn what_is_no_key_has_no_fingerprint() {
        for line in ["", "# ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa not/base64!", "hello world-wide web"] {
            assert_eq!(fingerprint(line), None, "{line}");
        }
        assert_eq!(fingerprint(&format!("ssh-rsa {ED25519}")), None);
        assert_eq!(fingerprint(&format!("# ssh-ed25519 {ED25519}")), None);
    }
}
