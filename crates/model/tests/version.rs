//! Our order of versions against dpkg's own.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::cmp::Ordering;
use std::process::Command;

use model::version::vercmp;

/// What dpkg says of `a` and `b`.
fn dpkg(a: &str, b: &str) -> Ordering {
    let holds = |relation: &str| {
        let status = Command::new("/usr/bin/dpkg")
            .args(["--force-bad-version", "--compare-versions", a, relation, b])
            .stderr(std::process::Stdio::null())
            .status()
            .expect("dpkg must be installed");
        status.success()
    };
    if holds("eq") {
        Ordering::Equal
    } else if holds("lt") {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

/// A small generator with a fixed seed, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn version(&mut self) -> String {
        let alphabet = ["0", "1", "9", "00", "10", "a", "b", "Z", "~", "+", ".", "-", "rc", "deb12u"];
        let mut version = if self.below(4) == 0 { format!("{}:", self.below(3)) } else { String::new() };
        version.push_str(&self.below(3).to_string());
        for _ in 0..self.below(6) {
            version.push_str(alphabet[self.below(alphabet.len())]);
        }
        // dpkg refuses an empty revision.
        version.trim_end_matches('-').to_owned()
    }
}

#[test]
fn random_versions_are_ordered_as_dpkg_orders_them() {
    let mut random = Random(0x5eed_1234_9876_abcd);
    for _ in 0..300 {
        let a = random.version();
        let b = if random.below(3) == 0 {
            format!("{a}{}", ["~", "0", "+1", "a"][random.below(4)])
        } else {
            random.version()
        };
        assert_eq!(vercmp(&a, &b), dpkg(&a, &b), "{a} against {b}");
    }
}
