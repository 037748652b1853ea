//! The order of Debian package versions, as dpkg defines it: `[epoch:]upstream[-revision]`; and that of numbered files.

use std::cmp::Ordering;

/// Compares two versions: epochs as numbers, then upstream parts, then revisions; `~` sorts before the end.
///
/// Total over any text: what is no number before a colon counts as part of the upstream version.
pub fn vercmp(a: &str, b: &str) -> Ordering {
    let (a, b) = (Parts::of(a), Parts::of(b));
    numbers(a.epoch, b.epoch)
        .then_with(|| compare(a.upstream, b.upstream))
        .then_with(|| compare(a.revision, b.revision))
}

/// The order of `ls -v`, in which augenrules puts files: runs of digits count as numbers, of any length.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    loop {
        let (a_text, a_number, a_next) = piece(a_rest);
        let (b_text, b_number, b_next) = piece(b_rest);
        let order = a_text.cmp(b_text).then_with(|| numbers(a_number.as_bytes(), b_number.as_bytes()));
        if order != Ordering::Equal || (a_next.is_empty() && b_next.is_empty()) {
            return order.then_with(|| a.cmp(b));
        }
        (a_rest, b_rest) = (a_next, b_next);
    }
}

/// Text up to the first digit, the digits, the rest.
fn piece(text: &str) -> (&str, &str, &str) {
    let digits = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let (before, from) = text.split_at(digits);
    let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
    let (number, rest) = from.split_at(end);
    (before, number, rest)
}

struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(version: &'a str) -> Self {
        let version = version.trim();
        let (epoch, rest) = match version.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
            _ => ("", version),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self { epoch: epoch.as_bytes(), upstream: upstream.as_bytes(), revision: revision.as_bytes() }
    }
}

/// Compares runs of digits of any length as numbers.
fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

/// Splits off the leading bytes for which `is_digit` is as wanted.
fn split_at_digit(text: &[u8], is_digit: bool) -> (&[u8], &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit() == is_digit).count();
    text.split_at_checked(count).unwrap_or((text, &[]))
}

/// Compares by turns a part without digits and a number.
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let ((a_text, a_rest), (b_text, b_rest)) = (split_at_digit(a, false), split_at_digit(b, false));
        let ((a_number, a_rest), (b_number, b_rest)) =
            (split_at_digit(a_rest, true), split_at_digit(b_rest, true));
        let order = texts(a_text, b_text).then_with(|| numbers(a_number, b_number));
        if order.is_ne() {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
    Ordering::Equal
}

/// Compares parts without digits; the end stands between `~` and letters, letters before everything else.
fn texts(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|index| weight(a.get(index)).cmp(&weight(b.get(index))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_the_policy_manual_says() {
        let ascending = [
            "~~",
            "~~a",
            "~",
            "",
            "0.9~rc1",
            "0.9",
            "0.9a",
            "0.9+b1",
            "0.10",
            "1.0~beta1~svn1",
            "1.0~beta1",
            "1.0-1",
            "1.0-1+deb12u1",
            "1.0-1+deb12u10",
            "1.0-2~bpo1",
            "1.0-2",
            "1.0.1-1",
            "9.2p1-2",
            "1:0.1",
            "2:0",
        ];
        for (index, low) in ascending.iter().enumerate() {
            assert_eq!(vercmp(low, low), Ordering::Equal, "{low}");
            for high in &ascending[index + 1..] {
                assert_eq!(vercmp(low, high), Ordering::Less, "{low} < {high}");
                assert_eq!(vercmp(high, low), Ordering::Greater, "{high} > {low}");
            }
        }
    }

    #[test]
    fn files_are_read_in_the_order_of_numbers() {
        let mut names =
            vec!["100-x.rules", "9-x.rules", "audit.rules", "10-b.rules", "10-a.rules", "010-c.rules"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            ["9-x.rules", "10-a.rules", "10-b.rules", "010-c.rules", "100-x.rules", "audit.rules"]
        );
    }

    #[test]
    fn equal_versions_may_be_written_differently() {
        for (a, b) in [("1.0", "1.0-0"), ("0:1.0", "1.0"), ("1.00", "1.0"), ("1.0-01", "1.0-1"), (" 1 ", "1")] {
            assert_eq!(vercmp(a, b), Ordering::Equal, "{a} = {b}");
        }
    }

    #[test]
    fn hostile_versions_do_not_panic_and_stay_antisymmetric() {
        let long = "9".repeat(100_000);
        let strange = ["", ":", "-", "x:1", ":-:", "é~1", "1:é-", long.as_str(), "99999999999999999999:1"];
        for a in strange {
            for b in strange {
                assert_eq!(vercmp(a, b), vercmp(b, a).reverse(), "{a:.20} {b:.20}");
            }
        }
    }
}
