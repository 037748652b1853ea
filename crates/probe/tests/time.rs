//! The probe of section `time` against what a real chronyd says.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use model::Timestamp;
use model::report::{Target, TargetKind};
use probe::{PROBES, Request, Subject, collect};
use serde_json::Value;
use test_support::{Chrony, Machine};

const ARGS: &[&str] = &["-c", "-n", "-m", "tracking", "sources"];

/// Section `time` of a host whose chronyc prints `answer`.
fn time(answer: &str) -> Value {
    let (door, _root) = Machine::new()
        .file("/usr/sbin/chronyd", "")
        .file("/proc/1/comm", "systemd\n")
        .file("/proc/7/comm", "chronyd\n")
        .program("chronyc -c -n -m tracking sources", answer)
        .door();
    let target = Target { kind: TargetKind::Host, name: "t".into(), id: String::new() };
    let sections = ["time".to_owned()];
    let request = Request {
        door: &door,
        target,
        now: Timestamp::UNIX_EPOCH,
        sections: &sections,
        probes: PROBES,
        subject: Subject::Host,
    };
    let document = collect(&request, &mut |_| {});
    document.facts.get("time").cloned().unwrap_or(Value::Null)
}

#[test]
fn what_chronyd_prints_with_and_without_a_source_is_understood() {
    let chrony = Chrony::start();
    let followed = time(&chrony.once_synchronised(ARGS));
    assert_eq!(followed["synchronised"], true);
    assert_eq!(followed["reference"], "127.0.0.1");
    assert_eq!(followed["stratum"], 6);
    assert_eq!(followed["leap_status"], "Normal");
    assert_eq!(followed["reachable_sources"], 1);
    assert!(followed["offset_seconds"].as_f64().is_some_and(|seconds| (0.0..1.0).contains(&seconds)));
    assert!(followed["last_synchronised_at"].as_str().is_some_and(|moment| moment.starts_with("20")));

    let alone = time(&Chrony::start_alone().once_answering(ARGS));
    assert_eq!(alone["synchronised"], false);
    assert_eq!(alone["offset_seconds"], Value::Null);
    assert_eq!(alone["reachable_sources"], 0);
}
