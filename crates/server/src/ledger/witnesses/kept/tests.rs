//! Which cosigned checkpoint is shown.

use ledger::{Head, SigningKey, record_hash};

use super::*;

fn witness(number: u8) -> SigningKey {
    SigningKey::of_witness(&format!("w{number}.example"), &[number; 32], 1000).unwrap()
}

fn keys() -> Vec<VerifierKey> {
    (1..=3).map(|number| witness(number).verifier().clone()).collect()
}

/// The head of so many entries with the cosignatures of these.
fn cosigned(size: u64, by: &[u8]) -> Checkpoint {
    let log = SigningKey::of_log("log.example/ms", &[9; 32]).unwrap();
    let head = Head { size, root: record_hash(&size.to_be_bytes()) };
    let plain = Checkpoint::sign(head, &log).unwrap();
    let lines: Vec<Vec<u8>> = by.iter().map(|number| plain.cosign(&witness(*number)).unwrap()).collect();
    plain.with_cosignatures(&lines.concat(), &keys()).unwrap()
}

#[test]
fn the_newest_with_most_cosignatures_is_shown_and_nobody_who_is_gone_holds_it_up() {
    type Of = (u64, &'static [u8]);
    for (why, found, shown, is_stale, expected) in [
        ("nothing was shown", vec![(5, &[1][..])], None, true, Some((5, 1))),
        ("two signed the same head", vec![(5, &[1]), (5, &[2])], None, true, Some((5, 2))),
        ("another one joins", vec![(5, &[2])], Some((5, &[1][..])), false, Some((5, 2))),
        ("nothing new", vec![(5, &[1])], Some((5, &[1])), false, None),
        ("nothing new, and late", vec![(5, &[1])], Some((5, &[1])), true, None),
        ("as many of a newer one", vec![(9, &[1]), (9, &[2])], Some((5, &[1, 2])), false, Some((9, 2))),
        ("fewer of a newer one", vec![(9, &[1]), (5, &[2])], Some((5, &[1, 2])), false, None),
        ("the same when it is late", vec![(9, &[1]), (5, &[2])], Some((5, &[1, 2])), true, Some((9, 1))),
        ("most before newest", vec![(8, &[1]), (8, &[2]), (9, &[3])], Some((5, &[1])), true, Some((8, 2))),
        ("never a shorter one", vec![(4, &[1]), (4, &[2])], Some((5, &[1])), true, None),
        ("who is not known does not count", vec![(9, &[])], Some((5, &[1])), true, None),
    ]
        as [(&str, Vec<Of>, Option<Of>, bool, Option<(u64, usize)>); 11]
    {
        let found: Vec<Checkpoint> = found.into_iter().map(|(size, by)| cosigned(size, by)).collect();
        let shown = shown.map(|(size, by)| cosigned(size, by));
        let found: Vec<&Checkpoint> = found.iter().collect();
        let better = better(&found, shown.as_ref(), is_stale, &keys());
        let better = better.map(|better| (better.head().size, better.cosigners(&keys())));
        assert_eq!(better, expected, "{why}");
    }
}
