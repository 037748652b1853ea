//! Runs the program on a product, and says what it found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use test_support::{Server, free_port, self_signed};

/// The Python of the test environment.
pub(crate) fn python() -> PathBuf {
    // CARGO_TARGET_TMPDIR is the `tmp` of the target folder, wherever that is.
    let default = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("test-venv");
    let venv = std::env::var_os("PALISADE_TEST_VENV").map_or(default, PathBuf::from);
    let python = venv.join("bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup`", python.display());
    python
}

/// A file beside the tests.
pub(crate) fn beside(name: &str) -> String {
    format!("{}/tests/products/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What an audit gave: the report, and all that was written; or why there is none.
pub(crate) struct Audited {
    pub(crate) report: Value,
    pub(crate) text: String,
}

/// Audits a target.
pub(crate) fn audit(args: &[&str]) -> Audited {
    let output = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["audit", "--format", "json"])
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.is_empty() {
        assert!(error.contains("cannot be audited"), "{args:?}: {error}");
        return Audited { report: Value::Null, text: error };
    }
    let report =
        serde_json::from_str(&text).unwrap_or_else(|wrong| panic!("{args:?}: {wrong}\n{text}\n{error}"));
    Audited { report, text }
}

impl Audited {
    /// Verdicts by rule; the worst where a rule has several.
    pub(crate) fn verdicts(&self) -> BTreeMap<String, String> {
        let rank = |verdict: &str| {
            ["not_applicable", "pass", "unknown", "fail"].iter().position(|one| *one == verdict)
        };
        let mut verdicts = BTreeMap::<String, String>::new();
        for finding in self.report["findings"].as_array().into_iter().flatten() {
            let verdict = finding["verdict"].as_str().unwrap();
            let entry = verdicts.entry(finding["rule"].as_str().unwrap().to_owned()).or_default();
            if entry.is_empty() || rank(verdict) > rank(entry) {
                *entry = verdict.to_owned();
            }
        }
        verdicts
    }

    /// The rules with a verdict.
    pub(crate) fn with(&self, verdict: &str) -> Vec<String> {
        self.verdicts().into_iter().filter(|(_, of)| of == verdict).map(|(rule, _)| rule).collect()
    }

    /// Whether nothing could be read, so that there is no report.
    pub(crate) fn refused(&self) -> bool {
        self.report.is_null()
    }

    /// The reasons and evidence of a rule's findings, as text; why there is no report when there is none.
    pub(crate) fn about(&self, rule: &str) -> String {
        if self.refused() {
            return self.text.clone();
        }
        let all = self.report["findings"].as_array().unwrap();
        let mine: Vec<String> = all.iter().filter(|one| one["rule"] == rule).map(Value::to_string).collect();
        assert!(!mine.is_empty(), "no finding of {rule}");
        mine.join("\n")
    }
}

/// A product's interface on the network, in a double that is written in Python.
pub(crate) struct Double {
    kind: &'static str,
    user: &'static str,
    folder: TempDir,
    port: u16,
    _server: Server,
}

impl Double {
    /// Starts `KIND_double.py`, which lets `user` in; the target is `KIND:http://...`.
    pub(crate) fn start(kind: &'static str, user: &'static str, args: &[&str]) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let (double, number) = (beside(&format!("{kind}_double.py")), port.to_string());
        let mut all = vec!["-B", double.as_str(), number.as_str()];
        all.extend(args);
        let server = Server::start(python().to_str().unwrap(), &all, port);
        std::fs::write(folder.path().join("password"), "Größe-und-14-Zeichen\n").unwrap();
        Self { kind, user, folder, port, _server: server }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A file beside its password.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Audits it with these credentials.
    pub(crate) fn audit_as(&self, scheme: &str, credentials: &str, more: &[&str]) -> Audited {
        let file = self.file("credentials.yaml", credentials);
        let target = format!("{}:{scheme}://127.0.0.1:{}", self.kind, self.port);
        let mut args = vec![target.as_str(), "--credentials", file.as_str()];
        args.extend(more);
        audit(&args)
    }

    /// Audits it as the user that it lets in.
    pub(crate) fn audit(&self, more: &[&str]) -> Audited {
        self.audit_as("http", &self.login(), more)
    }

    /// Credentials of the user that it lets in.
    pub(crate) fn login(&self) -> String {
        format!("user: {}\npassword_file: {}/password\n", self.user, self.folder.path().display())
    }
}

/// A password goes over TLS only to a server that is trusted: `start` starts a double with a certificate and its key. Gives the
/// audit of the trusted one.
pub(crate) fn tells_only_whom_it_trusts(start: impl Fn(&str, &str) -> Double, rule: &str) -> Audited {
    let folder = tempfile::tempdir().unwrap();
    let own = self_signed(folder.path(), "server", "-newkey rsa:2048 -days 30");
    let (pem, key) = (own.certificate.to_str().unwrap(), own.key.to_str().unwrap());
    let double = start(pem, key);
    let unknown = double.audit_as("https", &double.login(), &[]);
    assert!(unknown.refused());
    let about = unknown.about(rule);
    assert!(about.contains("nothing was sent") && about.contains("`ca`"), "{about}");
    let other = self_signed(folder.path(), "other", "-newkey rsa:2048 -days 30");
    let wrong =
        double.audit_as("https", &format!("{}ca: {}\n", double.login(), other.certificate.display()), &[]);
    assert!(wrong.refused(), "{}", wrong.text);
    double.audit_as("https", &format!("{}ca: {pem}\n", double.login()), &[])
}

/// A server that lies, hangs, floods or sends elsewhere costs time and no verdict: `start` starts a double of that manner.
pub(crate) fn survives_bad_servers(kind: &str, start: impl Fn(&str) -> Double, rule: &str) {
    for (manner, word) in
        [("hang", "did not answer"), ("drip", "did not answer"), ("huge", "more than"), ("html", "no JSON")]
    {
        let double = start(manner);
        let begun = Instant::now();
        let audited = double.audit(&["--rule", rule]);
        assert!(begun.elapsed() < Duration::from_secs(45), "{manner}: {:?}", begun.elapsed());
        assert!(audited.refused() || audited.with("unknown") == [rule], "{manner}: {}", audited.text);
        let about = audited.about(rule);
        assert!(
            about.contains(word)
                || about.contains("time")
                || about.contains("within")
                || about.contains("without a session"),
            "{manner}: {about}"
        );
    }
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let sent = start(&format!("redirect={port}")).audit(&["--rule", rule]);
    assert!(sent.refused() || sent.with("unknown") == [rule], "{}", sent.text);
    assert!(sent.about(rule).contains("leads elsewhere (302)"), "{}", sent.about(rule));
    assert!(elsewhere.accept().is_err(), "the server that was led to was asked");
    let closed = audit(&[&format!("{kind}:http://127.0.0.1:{}", free_port())]);
    assert!(closed.refused());
}
