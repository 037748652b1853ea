//! A root without anything: nothing is claimed of what is not there, and nothing crashes.

use model::Report;
use model::report::{Finding, Verdict};
use test_support::{looks, room};

use crate::verdicts::PALISADE;

/// The program, the libraries it needs, and nothing else; then the kernel's `/proc` too.
const SCRIPT: &str = r#"
mkdir /run/empty
cp "$PALISADE" /run/empty/palisade
for library in $(ldd "$PALISADE" | grep -o '/[^ ]*'); do
    mkdir -p "/run/empty/$(dirname "$library")"
    cp "$library" "/run/empty/$library"
done
audit() {
    code=0
    timeout 100 chroot /run/empty /palisade audit --format json >&3 || code=$?
    [ $code = 1 ] || { echo "exit code $code" >&2; return 1; }
    printf '\036' >&3
}
audit
mkdir /run/empty/proc
mount -t proc none /run/empty/proc
audit
"#;

/// What a host must have: that there is nothing is the finding.
const MUST_HAVE: &[&str] = &[
    "accounts.",
    "audit.",
    "boot.",
    "disks.storage-watched",
    "firewall.rules-survive-restart",
    "integrity.",
    "logging.",
    "malware.",
    "services.audit-scheduled",
    "services.storage-watched",
    "time.",
    "updates.automatic",
    "net.proxy-used",
];

/// What `/proc` tells of the kernel, whatever stands beside it.
const OF_THE_KERNEL: &[&str] = &["kernel.", "net.", "mounts.", "listeners.", "firewall."];

/// Subjects that are not there: not one verdict on them.
const NOT_THERE: &[&str] = &[
    "ssh.",
    "docker.",
    "container.",
    "image.",
    "http.",
    "ssh-server.",
    "packages.",
    "firewall.one-manager",
    "logging.logs-private",
    "logging.not-writable-by-all",
    "logging.security-logs-private",
    "audit.processes-not-exempt",
];

fn begins(finding: &Finding, list: &[&str]) -> bool {
    list.iter().any(|prefix| finding.rule.starts_with(prefix))
}

#[test]
fn an_empty_root_is_judged_without_a_crash_and_without_a_claim() {
    let reports: Vec<Report> =
        looks(room(PALISADE, SCRIPT)).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(reports.len(), 2);
    for (index, report) in reports.iter().enumerate() {
        for probe in &report.probes {
            assert!(!probe.reason.contains("panicked"), "{probe:?}");
        }
        for finding in &report.findings {
            match finding.verdict {
                Verdict::Fail => {
                    let justified =
                        begins(finding, MUST_HAVE) || (index == 1 && begins(finding, OF_THE_KERNEL));
                    assert!(justified, "with nothing there, this fails: {finding:#?}");
                }
                Verdict::Unknown | Verdict::NotApplicable => {
                    assert!(!finding.reason.is_empty(), "{finding:#?}")
                }
                _ => {}
            }
            let decided = matches!(finding.verdict, Verdict::Pass | Verdict::Fail);
            assert!(!decided || !begins(finding, NOT_THERE), "{finding:#?}");
        }
    }
}
