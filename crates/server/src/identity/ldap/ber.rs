//! As much of BER as it takes to know that a message is sound before the library reads it: its reader goes as deep as a
//! message says, and takes as much as a message says.

/// A message is one entry at most, with its groups.
pub(crate) const MAX_MESSAGE: usize = 512 * 1024;

/// Search results nest five deep, controls a little deeper.
const MAX_DEPTH: usize = 12;

/// Lengths of more bytes than this are longer than any message.
const MAX_LENGTH_BYTES: u8 = 4;

/// Tag, length of the content, and where the content begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tag: u8,
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// All of a header.
    Whole(Header),
    /// Some bytes are missing.
    Part,
    /// No header that we take.
    Wrong,
}

/// Reads a header.
pub(crate) fn head(bytes: &[u8]) -> Head {
    let (Some(&tag), Some(&first)) = (bytes.first(), bytes.get(1)) else { return Head::Part };
    // LDAP has no tags of several bytes, and no lengths that are told at the end (RFC 4511, 5.1).
    if tag & 0x1f == 0x1f || first == 0x80 || first > 0x80 | MAX_LENGTH_BYTES {
        return Head::Wrong;
    }
    if first < 0x80 {
        return Head::Whole(Header { tag, start: 2, length: usize::from(first) });
    }
    let start = 2_usize.saturating_add(usize::from(first & 0x7f));
    let Some(digits) = bytes.get(2..start) else { return Head::Part };
    let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
    Head::Whole(Header { tag, start, length })
}

/// Whether a whole message is made of parts that lie within each other, not too deep, and fill it.
pub(crate) fn is_sound(message: &[u8]) -> bool {
    let mut ends = vec![message.len()];
    let mut at = 0_usize;
    while let Some(&end) = ends.last() {
        if at == end {
            ends.pop();
            continue;
        }
        let Some(rest) = message.get(at..end) else { return false };
        let Head::Whole(header) = head(rest) else { return false };
        let start = at.saturating_add(header.start);
        let stop = start.saturating_add(header.length);
        if stop > end {
            return false;
        }
        let is_constructed = header.tag & 0x20 != 0;
        at = if is_constructed {
            if ends.len() > MAX_DEPTH {
                return false;
            }
            ends.push(stop);
            start
        } else {
            stop
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_sound_when_its_parts_fill_it() {
        let bind = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
        assert!(is_sound(&bind));
        assert!(!is_sound(&bind[..13]));
        let mut longer_inside = bind;
        longer_inside[6] = 0x08;
        assert!(!is_sound(&longer_inside));
    }

    #[test]
    fn what_nests_too_deep_is_refused_at_once() {
        let mut message = vec![0x04, 0x00];
        for _ in 0..100_000 {
            let mut outer = vec![0x30, 0x83];
            outer.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes()[1..]);
            if outer.len() + message.len() > 60_000 {
                break;
            }
            outer.append(&mut message);
            message = outer;
        }
        assert!(!is_sound(&message));
    }

    #[test]
    fn lengths_that_ldap_does_not_know_are_refused() {
        for bytes in [&[0x30, 0x80][..], &[0x30, 0x85, 1, 0, 0, 0, 0], &[0x3f, 0x01, 0x00], &[0x30, 0xff]] {
            assert_eq!(head(bytes), Head::Wrong);
        }
        assert_eq!(head(&[0x30, 0x82, 0x01]), Head::Part);
        assert_eq!(head(&[0x30, 0x82, 0x01, 0x02]), Head::Whole(Header { tag: 0x30, start: 4, length: 258 }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let sound = is_sound(&bytes);
            // What is sound the library can take apart.
            if sound && !bytes.is_empty() {
                prop_assert!(ldap3::asn1::parse_tag(&bytes).is_ok());
            }
        }
    }
}
