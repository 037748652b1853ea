//! Tests of the section, over made-up machines. The fixtures were made with OpenSSL 3.0.19 on 2026-11-22; no private
//! key of them exists any more.

use test_support::Machine;

use super::*;

const WEAK: &[u8] = include_bytes!("../../fixtures/certificates/rsa1024-sha1.pem");
const CA: &[u8] = include_bytes!("../../fixtures/certificates/ca-p256.pem");
const LEAF: &[u8] = include_bytes!("../../fixtures/certificates/leaf-ed25519.pem");
const LEAF_DER: &[u8] = include_bytes!("../../fixtures/certificates/leaf-ed25519.der");
const PSS: &[u8] = include_bytes!("../../fixtures/certificates/rsa2048-pss.pem");

fn read(machine: Machine) -> Certificates {
    let machine = machine.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n").file("/etc/group", "root:x:0:\n");
    let (door, _root) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(section, _) => section,
        other => panic!("{other:?}"),
    }
}

fn listed(section: &Certificates) -> &[Certificate] {
    section.files.value().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn what_a_certificate_says_is_read() {
    let section = read(Machine::new().file("/etc/nginx/site.crt", WEAK));
    let [weak] = listed(&section) else { panic!("{section:?}") };
    assert_eq!((weak.subject.as_str(), weak.self_signed), ("CN=old.example, O=Weak", true));
    assert_eq!(weak.names, ["DNS:old.example", "IP:192.0.2.1"]);
    assert_eq!((weak.key_algorithm.as_str(), weak.key_bits.value()), ("RSA", Some(&1024)));
    assert_eq!(weak.signature_algorithm, "sha1WithRSAEncryption");
    assert_eq!(weak.signature_hash.value().map(String::as_str), Some("SHA-1"));
    assert_eq!(weak.not_before.value().map(String::as_str), Some("2026-11-22T07:19:25Z"));
    assert_eq!(weak.not_after.value().map(String::as_str), Some("2027-11-22T07:19:25Z"));
    assert_eq!(weak.lifetime_days.value(), Some(&365));
    assert_eq!(weak.serial, "5de4c2d939a78858ec62e6730b90dfc52bad91f1");
    assert!(weak.fingerprint_sha256.starts_with("0b9b279ee26989b0"));
    assert!(weak.key_file.is_absent());
}

#[test]
fn a_chain_gives_every_certificate_and_the_key_belongs_to_the_first() {
    let chain = [LEAF, CA].concat();
    let section = read(Machine::new().file("/etc/mosquitto/server-cert.pem", chain).file(
        "/etc/mosquitto/server-key.pem",
        "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n",
    ));
    let [leaf, ca] = listed(&section) else { panic!("{section:?}") };
    assert_eq!(
        (leaf.key_algorithm.as_str(), leaf.index, leaf.ca, leaf.for_servers),
        ("Ed25519", 0, false, true)
    );
    assert_eq!(leaf.names, ["DNS:leaf.example", "URI:urn:x"]);
    assert_eq!(leaf.issuer, ca.subject);
    assert_eq!(leaf.key_file.value().map(String::as_str), Some("/etc/mosquitto/server-key.pem"));
    assert_eq!((ca.key_curve.value().map(String::as_str), ca.index, ca.ca), (Some("P-256"), 1, true));
    assert!(ca.key_file.is_absent() && ca.trust_anchor && !leaf.trust_anchor);
    assert_eq!(leaf.source, "/etc/mosquitto/server-cert.pem (certificate 1)");
    assert!(section.unparsable.is_empty());
}

#[test]
fn der_and_pss_are_read_too() {
    let section = read(Machine::new().file("/opt/app/tls/a.der", LEAF_DER).file("/srv/b.cer", PSS));
    let [leaf, pss] = listed(&section) else { panic!("{section:?}") };
    assert_eq!(leaf.subject, "CN=leaf.example");
    assert_eq!(pss.signature_algorithm, "RSASSA-PSS");
    assert_eq!(pss.signature_hash.value().map(String::as_str), Some("SHA-256"));
    assert_eq!(pss.key_bits.value(), Some(&2048));
}

#[test]
fn junk_is_named_and_costs_nothing_else() {
    let cut = LEAF_DER.get(..LEAF_DER.len() - 40).unwrap();
    let section = read(
        Machine::new()
            .file("/etc/a.crt", "")
            .file("/etc/b.pem", b"\xff\xfe\x00junk")
            .file("/etc/c.der", cut)
            .file("/etc/d.crt", "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n")
            .file("/etc/e.crt", vec![b'x'; host::FILE_LIMIT + 1])
            .file("/etc/f.pem", "-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n")
            .file("/etc/g.crt", CA),
    );
    let named: Vec<_> = section.unparsable.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(named, ["/etc/a.crt", "/etc/b.pem", "/etc/c.der", "/etc/d.crt", "/etc/e.crt"]);
    assert_eq!(listed(&section).len(), 1);
}

#[test]
fn lists_of_authorities_and_the_distributions_own_are_not_listed() {
    let section = read(
        Machine::new()
            .file("/opt/app/cacert.pem", CA.repeat(CHAIN + 1))
            .file("/etc/ssl/certs/ca-certificates.crt", CA.repeat(3))
            .file("/usr/share/ca-certificates/x.crt", CA)
            .file("/opt/app/node_modules/x/test.pem", WEAK)
            .file("/home/a/own.pem", WEAK),
    );
    assert!(listed(&section).is_empty());
    assert_eq!(section.trust_bundles.len(), 1);
    assert_eq!(section.trust_bundles[0].certificates, CHAIN as u64 + 1);
}

#[test]
fn of_certbot_only_the_live_chains_count() {
    let section = read(
        Machine::new()
            .file("/etc/letsencrypt/archive/a/fullchain1.pem", WEAK)
            .file("/etc/letsencrypt/archive/a/fullchain2.pem", LEAF)
            .file("/etc/letsencrypt/archive/a/privkey2.pem", "-----BEGIN PRIVATE KEY-----\n")
            .link("/etc/letsencrypt/live/a/fullchain.pem", "../../archive/a/fullchain2.pem")
            .link("/etc/letsencrypt/live/a/privkey.pem", "../../archive/a/privkey2.pem"),
    );
    let [leaf] = listed(&section) else { panic!("{section:?}") };
    assert_eq!(leaf.path, "/etc/letsencrypt/live/a/fullchain.pem");
    assert_eq!(leaf.key_file.value().map(String::as_str), Some("/etc/letsencrypt/live/a/privkey.pem"));
}

#[test]
fn keystores_are_named_by_their_first_bytes() {
    let section = read(
        Machine::new()
            .file("/opt/a.jks", b"\xfe\xed\xfe\xed....")
            .file("/opt/b.p12", b"\x30\x82....")
            .file("/opt/c.keystore", ""),
    );
    let formats: Vec<_> = section
        .keystores
        .value()
        .unwrap()
        .iter()
        .map(|store| (store.path.as_str(), store.format.as_str()))
        .collect();
    assert_eq!(formats, [("/opt/a.jks", "JKS"), ("/opt/b.p12", "PKCS12"), ("/opt/c.keystore", "unknown")]);
}

#[test]
fn an_empty_machine_has_no_certificates_and_that_is_known() {
    let section = read(Machine::new());
    assert_eq!(section.files.value().map(Vec::len), Some(0));
}

#[test]
fn a_file_that_cannot_be_read_is_not_absent() {
    let section = read(Machine::new().link("/etc/letsencrypt/live", "/etc/letsencrypt/live"));
    assert!(section.files.is_unreadable());
}
