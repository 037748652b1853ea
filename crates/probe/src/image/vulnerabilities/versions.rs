//! The orders of versions of the kinds of packages.

use std::cmp::Ordering;

/// Compares two versions.
pub(super) type Order = fn(&str, &str) -> Ordering;

/// The order of a kind; none where only lists of versions decide.
pub(super) fn order_of(kind: &str) -> Option<Order> {
    match kind {
        "deb" => Some(model::version::vercmp),
        "apk" => Some(apk),
        "npm" => Some(semver),
        _ => None,
    }
}

/// Alpine's order: numbers, a letter, suffixes `_alpha` < `_beta` < `_pre` < `_rc` < none < `_cvs`... < `_p`, then `-rN`.
fn apk(a: &str, b: &str) -> Ordering {
    let split = |version: &str| {
        let (version, revision) = version.rsplit_once("-r").unwrap_or((version, "0"));
        let (numbers, suffixes) = version.split_once('_').unwrap_or((version, ""));
        (numbers.to_owned(), suffixes.to_owned(), revision.parse::<u64>().unwrap_or(0))
    };
    let ((a, a_suffixes, a_revision), (b, b_suffixes, b_revision)) = (split(a), split(b));
    let numbers = || {
        let (mut a, mut b) = (a.split('.'), b.split('.'));
        loop {
            match (a.next(), b.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some(a), Some(b)) => match component(a).cmp(&component(b)) {
                    Ordering::Equal => {}
                    other => return other,
                },
            }
        }
    };
    numbers().then_with(|| suffixes(&a_suffixes).cmp(&suffixes(&b_suffixes))).then(a_revision.cmp(&b_revision))
}

/// `12b` as its number and its letter.
fn component(text: &str) -> (u128, String) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, letter) = text.split_at_checked(digits).unwrap_or((text, ""));
    (number.parse().unwrap_or(0), letter.to_owned())
}

/// Each suffix as a rank and a number; the end of the list ranks between `rc` and `p`.
fn suffixes(text: &str) -> Vec<(u8, u64)> {
    const AFTER: u8 = 5;
    let mut all: Vec<(u8, u64)> = text
        .split('_')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let name = part.trim_end_matches(|c: char| c.is_ascii_digit());
            let number = part.get(name.len()..).and_then(|number| number.parse().ok()).unwrap_or(0);
            let rank = match name {
                "alpha" => 1,
                "beta" => 2,
                "pre" => 3,
                "rc" => 4,
                "cvs" => 6,
                "svn" => 7,
                "git" => 8,
                "hg" => 9,
                _ => 10,
            };
            (rank, number)
        })
        .collect();
    all.push((AFTER, 0));
    all
}

/// Semantic versions: three numbers, a pre-release before the release, build data without weight.
fn semver(a: &str, b: &str) -> Ordering {
    let split = |version: &str| {
        let version = version.trim_start_matches('v').split('+').next().unwrap_or_default().to_owned();
        let (numbers, pre) =
            version.split_once('-').map_or((version.as_str(), None), |(n, pre)| (n, Some(pre)));
        let numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().unwrap_or(0)).collect();
        (numbers, pre.map(str::to_owned))
    };
    let ((a, a_pre), (b, b_pre)) = (split(a), split(b));
    a.cmp(&b).then_with(|| match (a_pre, b_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => identifiers(&a, &b),
    })
}

fn identifiers(a: &str, b: &str) -> Ordering {
    // Numbers stand before words.
    let key = |part: &str| match part.parse::<u64>() {
        Ok(number) => (0, number, String::new()),
        Err(_) => (1, 0, part.to_owned()),
    };
    a.split('.').map(key).cmp(b.split('.').map(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(order: Order, ascending: &[&str]) {
        for (index, low) in ascending.iter().enumerate() {
            assert_eq!(order(low, low), Ordering::Equal, "{low}");
            for high in &ascending[index + 1..] {
                assert_eq!(
                    (order(low, high), order(high, low)),
                    (Ordering::Less, Ordering::Greater),
                    "{low} < {high}"
                );
            }
        }
    }

    #[test]
    fn alpine_s_versions_are_in_alpine_s_order() {
        check(
            apk,
            &[
                "1.2",
                "1.2.3_alpha1-r0",
                "1.2.3_rc2-r0",
                "1.2.3-r0",
                "1.2.3-r10",
                "1.2.3_p1-r0",
                "1.2.3a-r0",
                "1.2.10-r0",
                "2-r0",
            ],
        );
    }

    #[test]
    fn semantic_versions_are_in_their_order() {
        check(
            semver,
            &["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0"],
        );
        assert_eq!(semver("v1.0.0+a", "1.0.0+b"), Ordering::Equal);
    }
}
