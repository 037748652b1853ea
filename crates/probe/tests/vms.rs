//! The definitions that the tests use are ones that libvirt takes.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::process::Command;

use test_support::{RIGHT, WRONG};

#[test]
fn libvirt_takes_the_definitions_of_the_tests() {
    for described in [WRONG, RIGHT] {
        let folder = tempfile::tempdir().unwrap();
        described.write(folder.path());
        let file = folder.path().join("domain.xml");
        let ran = Command::new("virt-xml-validate")
            .arg(&file)
            .arg("domain")
            .output()
            .expect("virt-xml-validate is installed (Debian: libvirt-clients, libxml2-utils)");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert!(probe::parsers::domain_xml(described.text("domain.xml")).is_some());
    }
}
