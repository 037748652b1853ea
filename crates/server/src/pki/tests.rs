//! The authority and its files, judged by OpenSSL and by what is done to the files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use jiff::SignedDuration;
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn names() -> Names {
    Names::new(
        &["plant.example".into(), "192.0.2.7".into()],
        Some("box"),
        &["198.51.100.1".parse().unwrap()],
        8443,
    )
    .unwrap()
}

#[expect(clippy::disallowed_methods, reason = "OpenSSL compares with the real clock")]
fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap()
}

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("pki")
    }

    fn open(&self) -> Result<Pki, PkiError> {
        self.open_at(names(), now())
    }

    fn open_at(&self, names: Names, now: Timestamp) -> Result<Pki, PkiError> {
        Pki::open_or_create(&self.path(), names, now)
    }

    fn error(&self) -> String {
        self.open().unwrap_err().to_string()
    }

    #[expect(clippy::disallowed_methods, reason = "a file of the test")]
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Writes over a file, whose mode stays.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        write(&self.path().join(name), text.as_ref(), 0o600);
    }
}

#[expect(clippy::disallowed_methods, reason = "a file of the test")]
fn write(path: &Path, text: &[u8], mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the real program")]
fn openssl(args: &[&str]) -> (bool, String) {
    let done = std::process::Command::new("openssl")
        .args(args)
        .output()
        .expect("openssl is needed: apt-get install openssl");
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "a file of the test")]
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[expect(clippy::disallowed_methods, reason = "a folder of the test")]
fn listed(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_fresh_folder_gets_an_authority_and_a_certificate_that_openssl_accepts() {
    let place = Place::new();
    let pki = place.open().unwrap();
    assert_eq!(mode(&place.path()), 0o700);
    for file in [AUTHORITY, SERVER, CA] {
        assert_eq!(mode(&place.path().join(file)), 0o600, "{file}");
    }
    assert_eq!(pki.ca_pem().unwrap(), place.text(CA));
    assert_eq!(listed(&place.path()), [AUTHORITY, CA, SERVER]);
    let (ca, server) = (place.path().join(CA), place.path().join(SERVER));
    let (ca, server) = (ca.to_str().unwrap(), server.to_str().unwrap());
    let (_, text) = openssl(&["x509", "-in", ca, "-noout", "-text"]);
    for part in [
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
        "X509v3 Name Constraints: critical\n                Permitted:",
        "DNS:plant.example",
        "IP:192.0.2.7/255.255.255.255",
        "IP:127.0.0.1/255.255.255.255",
        "ASN1 OID: prime256v1",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let (_, text) = openssl(&["x509", "-in", server, "-noout", "-text"]);
    for part in [
        "CA:FALSE",
        "TLS Web Server Authentication",
        "URI:https://plant.example:8443/ca.crl",
        "DNS:box",
        "DNS:localhost",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    for name in ["plant.example", "box", "localhost"] {
        let (good, text) =
            openssl(&["verify", "-x509_strict", "-CAfile", ca, "-verify_hostname", name, server]);
        assert!(good, "{name}: {text}");
    }
    for address in ["192.0.2.7", "198.51.100.1", "127.0.0.1", "::1"] {
        let (good, text) = openssl(&["verify", "-x509_strict", "-CAfile", ca, "-verify_ip", address, server]);
        assert!(good, "{address}: {text}");
    }
    let (_, text) = openssl(&["x509", "-in", ca, "-noout", "-fingerprint", "-sha256"]);
    assert!(text.contains(&pki.fingerprint()), "{text} {}", pki.fingerprint());
}

#[test]
fn the_authority_cannot_vouch_for_other_names() {
    let place = Place::new();
    place.open().unwrap();
    let text = place.text(AUTHORITY);
    let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).unwrap()).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&place.text(CA), key).unwrap();
    for (name, good) in [
        ("plant.example", true),
        ("below.plant.example", true),
        ("192.0.2.7", true),
        ("bank.example", false),
        ("example", false),
        ("192.0.2.8", false),
        ("2001:db8::1", false),
    ] {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let file = place.0.path().join("rogue.pem");
        write(&file, certificate.pem().as_bytes(), 0o600);
        let (accepted, text) =
            openssl(&["verify", "-CAfile", place.path().join(CA).to_str().unwrap(), file.to_str().unwrap()]);
        assert_eq!(accepted, good, "{name}: {text}");
        assert!(good || text.contains("permitted subtree violation"), "{name}: {text}");
    }
}

#[test]
fn opening_again_keeps_both_certificates() {
    let place = Place::new();
    let first = place.open().unwrap().fingerprint();
    let stored = (place.text(AUTHORITY), place.text(SERVER));
    let again = place.open().unwrap();
    assert_eq!(again.fingerprint(), first);
    assert_eq!((place.text(AUTHORITY), place.text(SERVER)), stored);
    assert!(again.uncovered().is_empty());
}

#[test]
fn the_certificate_is_renewed_when_a_third_of_its_life_is_left() {
    let place = Place::new();
    let start = now();
    let pki = place.open_at(names(), start).unwrap();
    // Ninety days from its beginning, which is an hour ago.
    let life = DAY * 90 - SignedDuration::from_hours(1);
    assert_eq!(pki.until(), start + life);
    assert_eq!(pki.refresh(start + DAY * 59).unwrap(), Refreshed::Unchanged);
    let later = start + DAY * 60;
    assert_eq!(pki.refresh(later).unwrap(), Refreshed::Renewed { until: later + life });
    assert_eq!(pki.refresh(later).unwrap(), Refreshed::Unchanged);
    assert_eq!(
        place.open_at(names(), later).unwrap().until(),
        later + life,
        "the new one is the one that is kept"
    );
    // Opened after its end, as after a long time switched off.
    let much_later = later + DAY * 200;
    assert_eq!(place.open_at(names(), much_later).unwrap().until(), much_later + life);
}

#[test]
fn no_certificate_outlives_the_authority_and_one_that_ran_out_is_replaced() {
    let place = Place::new();
    let start = now();
    let pki = place.open_at(names(), start).unwrap();
    let first = pki.fingerprint();
    let end = start + DAY * 3650;
    let Refreshed::Renewed { until } = pki.refresh(end - DAY * 2).unwrap() else { panic!() };
    assert_eq!(until, end);
    assert_eq!(pki.refresh(end - DAY).unwrap(), Refreshed::Unchanged, "a new one would live no longer");
    let Refreshed::NewAuthority { fingerprint } = pki.refresh(end).unwrap() else { panic!() };
    assert_ne!(fingerprint, first);
    let again = place.open_at(names(), end + DAY).unwrap();
    assert_eq!(again.fingerprint(), fingerprint);
    assert_eq!(place.text(CA), again.ca_pem().unwrap());

    let other = Place::new();
    other.open_at(names(), start).unwrap();
    let until = end + DAY * 91 - SignedDuration::from_hours(1);
    assert_eq!(other.open_at(names(), end + DAY).unwrap().until(), until);
}

#[test]
fn a_clock_that_went_back_costs_nothing() {
    let place = Place::new();
    let start = now();
    let first = place.open_at(names(), start).unwrap();
    let stored = place.text(SERVER);
    let again = place.open_at(names(), start - DAY * 400).unwrap();
    assert_eq!((again.fingerprint(), place.text(SERVER)), (first.fingerprint(), stored));
    assert_eq!(again.refresh(start - DAY * 400).unwrap(), Refreshed::Unchanged);
}

#[test]
fn names_that_came_later_are_left_out_and_told() {
    let place = Place::new();
    let first = place.open().unwrap().fingerprint();
    let more = Names::new(
        &["plant.example".into(), "sub.plant.example".into(), "new.example".into()],
        Some("box"),
        &[],
        8443,
    );
    let pki = place.open_at(more.unwrap(), now()).unwrap();
    assert_eq!(pki.fingerprint(), first, "clients trust the authority: it stays");
    assert_eq!(pki.uncovered(), ["new.example"]);
    let server = place.path().join(SERVER);
    let (_, text) = openssl(&["x509", "-in", server.to_str().unwrap(), "-noout", "-text"]);
    assert!(text.contains("DNS:sub.plant.example") && !text.contains("new.example"), "{text}");
    assert!(!text.contains("192.0.2.7"), "a name that is given no more goes: {text}");
}

#[test]
fn a_damaged_authority_stops_the_start_and_is_left_alone() {
    let place = Place::new();
    place.open().unwrap();
    let (good, other) = (place.text(AUTHORITY), Place::new());
    other.open().unwrap();
    let key_of = |text: &str| text[..text.find("-----BEGIN CERT").unwrap()].to_owned();
    let cert_of = |text: &str| text[text.find("-----BEGIN CERT").unwrap()..].to_owned();
    for (text, why) in [
        (String::new(), "it holds no certificate"),
        (good[..good.len() - 40].to_owned(), "it is damaged or cut off"),
        (good[..100].to_owned(), "it is damaged or cut off"),
        (key_of(&good), "it holds no certificate"),
        (cert_of(&good), "it holds no whole private key"),
        (
            format!("{}{}", key_of(&other.text(AUTHORITY)), cert_of(&good)),
            "its key does not belong to its certificate",
        ),
        (place.text(SERVER), "more than one certificate"),
        ("\0".repeat(1000), "it holds no certificate"),
        (good.replace("MII", "AAA"), "damaged"),
    ] {
        place.write(AUTHORITY, &text);
        let error = place.error();
        assert!(error.contains(why) && error.contains("bring the file back from a backup"), "{error}");
        assert_eq!(place.text(AUTHORITY), text);
    }
    place.write(AUTHORITY, vec![b'a'; 300 * 1024]);
    assert!(place.error().contains("larger than 256 KiB"));
    place.write(AUTHORITY, [0xff, 0xfe, 0x00]);
    assert!(place.error().contains("is not text"));
    place.write(AUTHORITY, &good);
    place.open().unwrap();
}

#[test]
fn a_missing_authority_is_not_made_anew_while_clients_trust_the_old_one() {
    let place = Place::new();
    place.open().unwrap();
    fs::remove_file(place.path().join(AUTHORITY)).unwrap();
    assert!(place.error().contains("it is missing, while ca.pem"), "{}", place.error());
    fs::remove_file(place.path().join(CA)).unwrap();
    place.open().unwrap();
}

#[test]
fn what_can_be_made_anew_is_made_anew() {
    let place = Place::new();
    let first = place.open().unwrap().fingerprint();
    let other = Place::new();
    other.open().unwrap();
    for text in [
        String::new(),
        "junk".into(),
        other.text(SERVER),
        place.text(AUTHORITY),
        place.text(SERVER)[..600].to_owned(),
    ] {
        place.write(SERVER, &text);
        assert_eq!(place.open().unwrap().fingerprint(), first);
        assert_ne!(place.text(SERVER), text);
    }
    place.write(CA, "junk");
    place.open().unwrap();
    assert!(place.text(CA).starts_with("-----BEGIN CERTIFICATE-----"));
    // What a crash left beside is nobody's.
    place.write(".server.key.1.new", "half");
    place.open().unwrap();
}

#[test]
fn files_that_others_can_reach_are_refused() {
    let place = Place::new();
    place.open().unwrap();
    let key = place.path().join(AUTHORITY);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = place.error();
    assert!(error.contains("can be used by others (mode 640)") && error.contains("chmod 600"), "{error}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    fs::hard_link(&key, place.0.path().join("second")).unwrap();
    assert!(place.error().contains("has a second name"), "{}", place.error());
    fs::remove_file(place.0.path().join("second")).unwrap();

    fs::rename(&key, place.0.path().join("moved")).unwrap();
    symlink(place.0.path().join("moved"), &key).unwrap();
    assert!(place.error().contains("cannot open"), "{}", place.error());
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(place.error().contains("is not a file"), "{}", place.error());
    fs::remove_dir(&key).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &key, rustix::fs::Mode::RWXU).unwrap();
    assert!(place.error().contains("is not a file"), "{}", place.error());
    fs::remove_file(&key).unwrap();
    fs::rename(place.0.path().join("moved"), &key).unwrap();
    place.open().unwrap();

    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o750)).unwrap();
    assert!(place.error().contains("chmod 700"), "{}", place.error());
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::rename(place.path(), place.0.path().join("real")).unwrap();
    symlink(place.0.path().join("real"), place.path()).unwrap();
    assert!(place.error().contains("cannot open the folder"), "{}", place.error());
}

#[test]
fn two_that_begin_at_once_end_with_one_authority() {
    let place = Place::new();
    let fingerprints: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| place.open().unwrap().fingerprint())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(fingerprints.iter().all(|one| *one == fingerprints[0]), "{fingerprints:?}");
    place.open().unwrap();
}

#[test]
fn the_revocation_list_is_signed_and_made_daily() {
    let place = Place::new();
    let start = now();
    let pki = place.open().unwrap();
    let list = pki.revocation_list(start).unwrap().unwrap();
    assert_eq!(pki.revocation_list(start + DAY / 2).unwrap().unwrap(), list);
    assert_ne!(pki.revocation_list(start + DAY * 2).unwrap().unwrap(), list);
    let file = place.0.path().join("list.crl");
    write(&file, &list, 0o600);
    let ca = place.path().join(CA);
    let (good, text) = openssl(&[
        "crl",
        "-inform",
        "DER",
        "-in",
        file.to_str().unwrap(),
        "-CAfile",
        ca.to_str().unwrap(),
        "-noout",
    ]);
    assert!(good && text.contains("verify OK"), "{text}");
}

#[test]
fn names_are_checked_and_addresses_are_known() {
    for bad in
        ["", "a b", "*.plant.example", "plant.example:8443", "https://plant.example", "192.0.2.300", "x\n"]
    {
        let error = Names::new(&[bad.to_owned()], None, &[], 1).unwrap_err().to_string();
        assert!(error.contains("is not a host name or an address"), "{error}");
        assert!(!error.contains('\n'));
    }
    let names = Names::new(
        &["PLANT.example.".into(), "[2001:db8::1]".into()],
        Some("my host"),
        &["0.0.0.0".parse().unwrap()],
        443,
    );
    let names = names.unwrap();
    assert_eq!(names.dns(), ["plant.example", "localhost"]);
    let addresses: Vec<_> = names.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["2001:db8::1", "127.0.0.1", "::1"]);
    assert_eq!(names.origin(), "https://plant.example");
    assert_eq!(own_addresses("127.0.0.1".parse().unwrap()), ["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    assert!(own_addresses("0.0.0.0".parse().unwrap()).iter().all(|address| !address.is_unspecified()));
}

/// A certificate of somebody else's authority, and its key.
fn issued(name: &str, from: Timestamp, until: Timestamp) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since = |at: Timestamp| std::time::Duration::from_secs(at.as_second().try_into().unwrap());
    params.not_before = epoch + since(from);
    params.not_after = epoch + since(until);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn files_of_the_operator_are_checked_and_taken_up_when_they_change() {
    let place = tempfile::tempdir().unwrap();
    let (chain, key) = (place.path().join("chain.pem"), place.path().join("key.pem"));
    let names = Names::new(&["plant.example".into()], Some("box"), &[], 8443).unwrap();
    let start = now();
    let open = || Pki::from_files(&chain, &key, names.clone(), start);
    let put = |pair: &(String, String)| {
        write(&chain, pair.0.as_bytes(), 0o644);
        write(&key, pair.1.as_bytes(), 0o640);
    };
    assert!(open().unwrap_err().to_string().contains("cannot open"));
    let good = issued("plant.example", start - DAY, start + DAY * 30);
    put(&good);
    let pki = open().unwrap();
    assert_eq!((pki.until(), pki.ca_pem()), (start + DAY * 30, None));
    assert_eq!(pki.refresh(start).unwrap(), Refreshed::Unchanged);

    let (first, better) = (pki.fingerprint(), issued("plant.example", start - DAY, start + DAY * 60));
    write(&chain, better.0.as_bytes(), 0o644);
    // Half done: the key is still the old one. What was shown stays shown, and one is told once.
    assert!(pki.refresh(start).unwrap_err().to_string().contains("it is the key of another certificate"));
    assert_eq!(pki.fingerprint(), first);
    assert_eq!(pki.refresh(start).unwrap(), Refreshed::Unchanged);
    put(&better);
    assert_eq!(pki.refresh(start).unwrap(), Refreshed::Renewed { until: start + DAY * 60 });
    assert_ne!(pki.fingerprint(), first);

    for (pair, why) in [
        (issued("plant.example", start - DAY * 9, start - DAY), "its certificate ended on"),
        (issued("plant.example", start + DAY, start + DAY * 9), "begins on"),
        (issued("other.example", start - DAY, start + DAY), "is not for plant.example"),
        ((String::new(), good.1.clone()), "it holds no certificate"),
        ((good.0.clone(), String::new()), "it holds no private key"),
        ((good.0.clone(), better.1.clone()), "it is the key of another certificate"),
        ((good.0.replace("MII", "AAA"), good.1.clone()), "damaged"),
    ] {
        put(&pair);
        let error = open().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    put(&good);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(
        open().unwrap_err().to_string().contains("holds a private key and can be used by others (mode 644)")
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&chain, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(open().unwrap_err().to_string().contains("can be changed by others"));
    fs::set_permissions(&chain, fs::Permissions::from_mode(0o644)).unwrap();
    // Certificate tools put links in place.
    fs::rename(&key, place.path().join("real.pem")).unwrap();
    symlink(place.path().join("real.pem"), &key).unwrap();
    open().unwrap();
}

#[test]
fn secrets_do_not_print() {
    let place = Place::new();
    let pki = place.open().unwrap();
    let shown = format!("{pki:?}");
    assert!(
        !shown.contains("PRIVATE") && !shown.contains("pkcs8") && !shown.to_lowercase().contains("secret"),
        "{shown}"
    );
}
