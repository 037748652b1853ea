//! Data of vulnerabilities in every form it comes in.
#![allow(clippy::disallowed_methods, reason = "tests ask real programs for archives")]

use std::process::Command;

use serde_json::{Value, json};
use test_support::Machine;

use super::*;

fn packages() -> Vec<ImagePackage> {
    let package = |kind: &str, name: &str, source: &str, version: &str| ImagePackage {
        kind: kind.into(),
        name: name.into(),
        version: version.into(),
        source_name: source.into(),
        source_version: version.into(),
        ..ImagePackage::default()
    };
    vec![
        package("deb", "libssl3", "openssl", "3.0.11-1~deb12u2"),
        package("deb", "openssl", "openssl", "3.0.11-1~deb12u2"),
        package("deb", "zlib1g", "zlib", "1:1.2.13.dfsg-1"),
        package("pypi", "Jinja2", "Jinja2", "3.1.2"),
        package("npm", "left-pad", "left-pad", "1.3.0"),
    ]
}

fn record(id: &str, ecosystem: &str, name: &str, events: Value, more: Value) -> Value {
    let mut record = json!({
        "schema_version": "1.6.0", "id": id, "modified": "2026-03-01T00:00:00Z", "aliases": [],
        "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
    });
    test_support::merge(&mut record, &more);
    record
}

fn records() -> Vec<Value> {
    let fixed = |version: &str| json!([{"introduced": "0"}, {"fixed": version}]);
    vec![
        record(
            "DEBIAN-CVE-1",
            "Debian:12",
            "openssl",
            fixed("3.0.13-1~deb12u1"),
            json!({"upstream": ["CVE-1"]}),
        ),
        record("CVE-2", "Debian:12", "openssl", fixed("3.0.9-1"), json!({})),
        record("CVE-3", "Debian:11", "openssl", fixed("9"), json!({})),
        record(
            "CVE-4",
            "Debian:12",
            "zlib",
            json!([{"introduced": "0"}]),
            json!({"modified": "2026-05-01T10:00:00.5Z"}),
        ),
        record("CVE-5", "Debian:12", "zlib", json!([{"introduced": "1:1.3"}]), json!({})),
        record(
            "CVE-6",
            "Debian:12",
            "zlib",
            json!([{"introduced": "0"}]),
            json!({"withdrawn": "2026-01-01T00:00:00Z"}),
        ),
        record(
            "CVE-7",
            "Debian:12",
            "zlib",
            json!([{"introduced": "0"}, {"last_affected": "1:1.2.12"}]),
            json!({}),
        ),
        record("CVE-8", "Debian:12", "not-installed", json!([{"introduced": "0"}]), json!({})),
        json!({"id": "GHSA-9", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-9"],
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}],
            "affected": [{"package": {"ecosystem": "PyPI", "name": "jinja2"}, "versions": ["3.1.1", "3.1.2"],
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}]}]}),
        record("GHSA-10", "npm", "left-pad", fixed("1.2.9"), json!({})),
        // Gone, back, gone again.
        record(
            "CVE-11",
            "Debian:12",
            "zlib",
            json!([{"introduced": "0"}, {"fixed": "1:1.2.1"}, {"introduced": "1:1.2.13"}, {"fixed": "1:1.2.14"}]),
            json!({}),
        ),
    ]
}

const BOOKWORM: [(&str, &str); 3] = [("ID", "debian"), ("VERSION_ID", "12"), ("VERSION_CODENAME", "bookworm")];

fn told(
    bytes: impl AsRef<[u8]>,
    release: &[(&str, &str)],
    packages: Vec<ImagePackage>,
) -> Result<Told, String> {
    let (door, _root) = Machine::new().file("/data", bytes).door();
    let release = release.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    compare(&door, Path::new("/data"), &Fact::known(packages), &release)
}

fn compared(bytes: impl AsRef<[u8]>) -> Result<(VulnerabilityData, Vec<String>), String> {
    let told = told(bytes, &BOOKWORM, packages())?;
    Ok((told.data, told.found.value().unwrap().iter().map(|found| found.name.clone()).collect()))
}

const EXPECTED: [&str; 4] = [
    "CVE-9 in Jinja2 3.1.2 (mended in 3.1.3)",
    "CVE-1 in libssl3 3.0.11-1~deb12u2 (mended in 3.0.13-1~deb12u1)",
    "CVE-11 in zlib1g 1:1.2.13.dfsg-1 (mended in 1:1.2.14)",
    "CVE-4 in zlib1g 1:1.2.13.dfsg-1",
];

#[test]
fn records_of_osv_decide_by_release_range_and_list() {
    let (data, found) = compared(Value::from(records()).to_string()).unwrap();
    assert_eq!(found, EXPECTED);
    assert_eq!((data.format.as_str(), data.records), ("osv", 11));
    assert_eq!(data.as_of.value().unwrap(), "2026-05-01T10:00:00.5Z");
    let (data, found) = compared(records()[0].to_string()).unwrap();
    assert_eq!((data.records, found.as_slice()), (1, &[EXPECTED[1].to_owned()][..]));
}

#[test]
fn an_export_is_read_as_other_programs_write_it() {
    let folder = tempfile::tempdir().unwrap();
    for (at, record) in records().iter().enumerate() {
        std::fs::write(folder.path().join(format!("{at}.json")), record.to_string()).unwrap();
    }
    // To a file, where sizes are written back; to a pipe, where they follow; stored.
    let script = "import sys, zipfile, glob, os
how, out = sys.argv[1], sys.argv[2]
class Pipe:
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): self.f.flush()
with open(out, 'wb') as f:
    with zipfile.ZipFile(Pipe(f) if how == 'pipe' else f, 'w', zipfile.ZIP_STORED if how == 'stored' else zipfile.ZIP_DEFLATED) as z:
        for name in sorted(glob.glob('*.json')): z.write(name)
        if how != 'pipe': z.writestr('README', 'no record')
";
    for how in ["file", "pipe", "stored"] {
        let out = folder.path().join(how);
        let run = Command::new("python3")
            .args(["-c", script, how])
            .arg(&out)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
        let bytes = std::fs::read(&out).unwrap();
        let (data, found) = compared(&bytes).unwrap_or_else(|why| panic!("{how}: {why}"));
        assert_eq!((found.as_slice(), data.records), (&EXPECTED.map(str::to_owned)[..], 11), "{how}");
        assert!(compared(&bytes[..bytes.len() / 2]).unwrap_err().starts_with("/data: "), "{how}");
    }
}

#[test]
fn debian_s_tracker_decides_by_release() {
    let state = |status: &str, fixed: &str| {
        json!({"releases": {
            "bookworm": {"status": status, "fixed_version": fixed, "urgency": "low"},
            "trixie": {"status": "open", "urgency": "high"},
        }})
    };
    let tracker = json!({
        "openssl": {"CVE-1": state("resolved", "3.0.13-1"), "CVE-2": state("resolved", "3.0.1-1"), "CVE-3": state("resolved", "0")},
        "other": {"CVE-4": state("open", "")},
        "zlib": {"CVE-5": {"releases": {"bookworm": {"status": "open", "urgency": "unimportant"}}}, "CVE-6": {"releases": {}}},
    });
    let (data, found) = compared(tracker.to_string()).unwrap();
    assert_eq!(
        found,
        ["CVE-1 in libssl3 3.0.11-1~deb12u2 (mended in 3.0.13-1)", "CVE-5 in zlib1g 1:1.2.13.dfsg-1"]
    );
    assert_eq!((data.format.as_str(), data.records), ("debian-security-tracker", 3));
    assert!(data.as_of.value().is_some());
}

#[test]
fn packages_that_the_data_is_not_about_are_told() {
    let left_out = |bytes: String, release: &[(&str, &str)], packages: Vec<ImagePackage>| {
        told(bytes, release, packages).unwrap().left_out.unwrap_or_default()
    };
    let all = || Value::from(records()).to_string();
    assert_eq!(left_out(all(), &BOOKWORM, packages()), "");
    assert!(left_out(records()[0].to_string(), &BOOKWORM, packages()).contains("has: npm, pypi;"));
    let ubuntu = [("ID", "ubuntu"), ("VERSION_ID", "22.04"), ("VERSION_CODENAME", "jammy")];
    assert!(left_out(all(), &ubuntu, packages()).contains("has: deb of ubuntu 22.04;"));
    let tracker = json!({
        "a": {"CVE-1": {"releases": {}}},
        "b": {"CVE-2": {"releases": {"bookworm": {"status": "open"}}}},
        "c": {"CVE-3": {"releases": {"trixie": {"status": "open"}}}},
    });
    let debian = || packages().into_iter().filter(|package| package.kind == "deb").collect::<Vec<_>>();
    assert_eq!(left_out(tracker.to_string(), &BOOKWORM, debian()), "");
    assert!(left_out(tracker.to_string(), &ubuntu, debian()).contains("deb of ubuntu 22.04"));
    let older = [("ID", "debian"), ("VERSION_ID", "9"), ("VERSION_CODENAME", "stretch")];
    assert!(left_out(tracker.to_string(), &older, debian()).contains("deb of debian 9"));
    let mut shipped = packages();
    shipped
        .iter_mut()
        .for_each(|package| package.source = "/usr/lib/python3/dist-packages/x/METADATA".to_owned());
    assert_eq!(left_out(records()[0].to_string(), &BOOKWORM, shipped), "");
}

#[test]
fn what_is_no_data_is_an_error() {
    for (bytes, expected) in [
        ("", "neither an export"),
        ("hello", "neither an export"),
        ("[]", "holds no records"),
        ("{}", "holds no records"),
        ("[{\"id\": 1}]", "no list of records of OSV (line 1, column"),
        ("{\"id\": \"x\", ", "no record of OSV"),
        ("{\"openssl\": {\"CVE-1\": 1}}", "not the JSON of Debian's security tracker"),
        ("PK\u{3}\u{4}", "cut off"),
        ("PKxxxxxx", "damaged"),
    ] {
        let error = compared(bytes).unwrap_err();
        assert!(error.starts_with("/data: ") && error.contains(expected), "{error}");
    }
}
