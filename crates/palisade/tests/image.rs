//! Images as targets, as their users meet them: built by a real engine and by buildah, saved by docker, copied by skopeo.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};
use test_support::Engine;

/// What no output may ever hold.
const SECRET: &str = "Tr0ub4dor-And-3";
const NAME: &str = "reg.example/team/app:1";
/// The first layer is the imported one; its secret is deleted by the last step.
const DOCKERFILE: &str = "\
FROM base:1
COPY app.env /app/app.env
COPY kept.env /app/kept.env
ENV MODE=production
EXPOSE 22 8080
RUN chmod 4755 /bin/tool && chmod 0666 /app/kept.env
RUN rm /app/app.env
USER 1000
HEALTHCHECK CMD true
LABEL org.opencontainers.image.base.name=base:1
";

/// One image in every form, made once for all tests.
struct Forms {
    engine: Engine,
}

fn forms() -> &'static Forms {
    static FORMS: OnceLock<Forms> = OnceLock::new();
    FORMS.get_or_init(|| {
        let engine = Engine::start_as_usual("{}");
        let place = |name: &str| engine.directory().join(name);
        let base = place("base");
        fs::create_dir_all(base.join("bin")).unwrap();
        fs::create_dir_all(base.join("etc")).unwrap();
        fs::create_dir_all(base.join("usr/sbin")).unwrap();
        fs::create_dir_all(base.join("var/lib/dpkg")).unwrap();
        fs::copy("/bin/busybox", base.join("bin/busybox")).expect("busybox-static is installed");
        fs::write(base.join("bin/tool"), "\0tool").unwrap();
        fs::write(base.join("usr/sbin/sshd"), "\0sshd").unwrap();
        fs::write(
            base.join("etc/os-release"),
            "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian 12\"\n",
        )
        .unwrap();
        fs::write(base.join("var/lib/dpkg/status"), STATUS).unwrap();
        for name in ["sh", "rm", "chmod", "true"] {
            std::os::unix::fs::symlink("busybox", base.join("bin").join(name)).unwrap();
        }
        let tar = place("base.tar");
        succeed(Command::new("tar").arg("-C").arg(&base).arg("-cf").arg(&tar).arg("."));
        docker(&engine, &["import", &tar.display().to_string(), "base:1"]);
        let context = place("context");
        fs::create_dir(&context).unwrap();
        fs::write(context.join("Dockerfile"), DOCKERFILE).unwrap();
        fs::write(context.join("app.env"), format!("MODE=x\nDB_PASSWORD={SECRET}\n")).unwrap();
        fs::write(context.join("kept.env"), format!("API_TOKEN={SECRET}\n")).unwrap();
        docker(&engine, &["build", "--network", "none", "-t", NAME, &context.display().to_string()]);
        docker(&engine, &["save", "-o", &place("docker.tar").display().to_string(), NAME]);
        let copy = |to: &str, more: &[&str]| {
            let from = format!("docker-archive:{}", place("docker.tar").display());
            let mut args = vec!["--insecure-policy", "copy"];
            args.extend(more);
            succeed(Command::new("skopeo").args(args).args([from.as_str(), to]));
        };
        copy(&format!("docker-archive:{}:{NAME}", place("skopeo.tar").display()), &[]);
        copy(&format!("oci:{}:{NAME}", place("layout").display()), &[]);
        copy(&format!("oci-archive:{}:{NAME}", place("layout.tar").display()), &[]);
        copy(&format!("oci:{}:{NAME}", place("zstd").display()), &["--dest-compress-format", "zstd"]);
        Forms { engine }
    })
}

const STATUS: &str = "\
Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.0.11-1~deb12u2

Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.11-1~deb12u2

Package: base-files
Status: install ok installed
Architecture: amd64
Version: 12.4+deb12u5
";

impl Forms {
    fn place(&self, name: &str) -> PathBuf {
        self.engine.directory().join(name)
    }

    /// Every form as a target.
    fn targets(&self) -> Vec<String> {
        let path = |form: &str, name: &str| format!("{form}:{}", self.place(name).display());
        vec![
            path("docker-archive", "docker.tar"),
            path("docker-archive", "skopeo.tar"),
            path("oci", "layout"),
            path("oci", "layout.tar"),
            path("oci", "zstd"),
            format!("image:{NAME}"),
        ]
    }

    /// Runs the program where the engine stands at its usual place.
    fn palisade(&self, args: &[&str]) -> Ran {
        ran(self.engine.enter(env!("CARGO_BIN_EXE_palisade"), args))
    }
}

fn docker(engine: &Engine, args: &[&str]) {
    let output = engine.enter("/usr/bin/docker", args);
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn succeed(command: &mut Command) {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; run `cargo xtask setup`"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn palisade(args: &[&str]) -> Ran {
    ran(Command::new(env!("CARGO_BIN_EXE_palisade")).args(args).output().unwrap())
}

/// Verdicts by rule.
fn verdicts(report: &Value) -> BTreeMap<String, String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| (text(&finding["rule"]), text(&finding["verdict"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn every_form_of_an_image_gets_the_same_verdicts() {
    let forms = forms();
    let mut first: Option<BTreeMap<String, String>> = None;
    for target in forms.targets() {
        let mut found = verdicts(&forms.palisade(&["audit", &target, "--format", "json"]).json());
        // OCI's configuration has no place for a health check: copying into it loses one.
        let health = found.remove("image.health-check-included").unwrap();
        assert_eq!(health == "fail", target.starts_with("oci:"), "{target}");
        for (rule, expected) in [
            ("image.not-root", "pass"),
            ("image.no-remote-shell", "fail"),
            ("image.no-remote-shell-port", "fail"),
            ("image.no-secrets-in-files", "fail"),
            ("image.no-secrets-in-deleted-files", "fail"),
            ("image.no-setuid-programs", "fail"),
            ("image.no-world-writable-files", "fail"),
            ("image.digests-match", "pass"),
            ("image.stays-in-its-tree", "pass"),
            ("image.release-supported", "pass"),
            ("image.version-chosen", "pass"),
            ("image.no-package-caches", "pass"),
            ("image.only-needed-shells", "pass"),
            ("image.packages-upgraded", "fail"),
            ("image.rebuilt-in-time", "pass"),
            ("image.in-use", "not_applicable"),
            ("image.from-approved-registry", "unknown"),
            ("image.from-approved-base-image", "unknown"),
            ("image.no-fixable-vulnerabilities", "unknown"),
        ] {
            assert_eq!(found.get(rule).map(String::as_str), Some(expected), "{target}: {rule}");
        }
        // Rules of Dockerfiles judge images too, by what an image does not keep.
        let foreign =
            |(rule, verdict): (&String, &String)| !rule.starts_with("image.") && verdict != "not_applicable";
        assert!(!found.iter().any(foreign), "{found:?}");
        match &first {
            None => first = Some(found),
            Some(first) => assert_eq!(&found, first, "{target}"),
        }
    }
}

#[test]
fn a_secret_is_named_by_file_layer_and_step_and_shown_nowhere() {
    let forms = forms();
    for target in [&forms.targets()[0], &forms.targets()[2]] {
        for format in ["terminal", "json", "html", "sarif", "oscal", "junit", "csv"] {
            let ran = forms.palisade(&["audit", target, "--verbose", "--trace", "--format", format]);
            assert_eq!(ran.code, Some(1), "{}", ran.err);
            assert!(!ran.out.contains(SECRET) && !ran.err.contains(SECRET), "{format}");
            assert!(ran.out.contains("/app/app.env") && ran.out.contains("/app/kept.env"), "{format}");
        }
        let ran = forms.palisade(&["facts", "--target", target]);
        assert!(!ran.out.contains(SECRET));
        let image = &ran.json()["facts"]["docker"]["images"][0]["contents"];
        // The chmod made a copy of the file that shows; the one below it is still there.
        let deleted = image["deleted_secrets"].as_array().unwrap().iter();
        let deleted: Vec<_> =
            deleted.map(|secret| (text(&secret["source"]), secret["step"].as_u64())).collect();
        let expected = [("layer 2: /app/app.env:2", 2), ("layer 3: /app/kept.env:1", 3)];
        assert_eq!(deleted, expected.map(|(source, step)| (source.to_owned(), Some(step))));
        let shown = image["secrets"].as_array().unwrap();
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert_eq!(shown[0]["name"], "assignment in /app/kept.env:1 of layer 4");
    }
}

#[test]
fn vulnerabilities_are_decided_by_data_on_disk() {
    let forms = forms();
    let record = |id: &str, events: Value| {
        json!({
            "id": id, "modified": "2026-01-02T03:04:05Z",
            "affected": [{"package": {"ecosystem": "Debian:12", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
        })
    };
    let data = json!([
        record("CVE-2026-0001", json!([{"introduced": "0"}, {"fixed": "3.0.13-1~deb12u1"}])),
        record("CVE-2026-0002", json!([{"introduced": "0"}])),
    ]);
    let file = forms.place("osv.json");
    fs::write(&file, data.to_string()).unwrap();
    let target = &forms.targets()[0];
    let file = file.display().to_string();
    let report = forms.palisade(&["audit", target, "--vulnerabilities", &file, "--format", "json"]).json();
    let found = verdicts(&report);
    for rule in
        ["image.no-fixable-vulnerabilities", "image.no-open-vulnerabilities", "image.vulnerability-data-fresh"]
    {
        assert_eq!(found[rule], "fail", "{rule}");
    }
    let shown = forms.palisade(&[
        "audit",
        target,
        "--vulnerabilities",
        &file,
        "--rule",
        "image.no-fixable-vulnerabilities",
    ]);
    assert!(shown.out.contains("CVE-2026-0001"), "{}", shown.out);
    let missing = forms.palisade(&["audit", target, "--vulnerabilities", "/no/such/file"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("/no/such/file does not exist"), "{}", missing.err);
}

#[test]
fn the_bill_of_materials_is_valid_and_the_same_every_time() {
    let forms = forms();
    let target = &forms.targets()[0];
    let file = forms.place("tracker.json");
    let tracker =
        json!({"openssl": {"CVE-2026-0003": {"releases": {"bookworm": {"status": "open", "urgency": "low"}}}}});
    fs::write(&file, tracker.to_string()).unwrap();
    let out = forms.place("sbom.json");
    let args = [
        "sbom",
        target,
        "--vulnerabilities",
        &file.display().to_string(),
        "--output",
        &out.display().to_string(),
    ];
    let ran = forms.palisade(&args);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let venv = std::env::var("PALISADE_TEST_VENV").expect("PALISADE_TEST_VENV: `cargo xtask test` sets it");
    let script = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(wrong) if wrong else 0)
";
    succeed(Command::new(Path::new(&venv).join("bin/python")).args(["-c", script]).arg(&out));
    let bom: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    let purls: Vec<&str> =
        bom["components"].as_array().unwrap().iter().filter_map(|c| c["purl"].as_str()).collect();
    assert_eq!(
        purls,
        [
            "pkg:deb/debian/base-files@12.4%2Bdeb12u5?arch=amd64&distro=debian-12",
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12",
            "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12",
        ]
    );
    assert_eq!(bom["vulnerabilities"][0]["affects"].as_array().unwrap().len(), 2);
    let (first, again) =
        (forms.palisade(&["sbom", target]).json(), forms.palisade(&["sbom", &forms.targets()[3]]).json());
    assert_eq!(first["components"], again["components"]);
    assert_eq!(first["vulnerabilities"], Value::Null);
}

#[test]
fn an_image_that_is_not_there_is_told_with_near_names() {
    let forms = forms();
    for (target, expected) in [
        ("image:reg.example/team/app:2", "did you mean `reg.example/team/app:1`"),
        ("image:app:1", "did you mean `reg.example/team/app:1`"),
        ("image:something-else:9", "`docker image ls` lists those it has"),
        ("image:../x", "cannot be the name of an image"),
    ] {
        let ran = forms.palisade(&["audit", target]);
        assert_eq!(ran.code, Some(2), "{}", ran.out);
        assert!(ran.err.contains(expected), "{target}: {}", ran.err);
    }
}

#[test]
fn broken_archives_are_errors_that_leave_other_targets_unharmed() {
    let forms = forms();
    let whole = fs::read(forms.place("docker.tar")).unwrap();
    let place = |name: &str, bytes: &[u8]| {
        let path = forms.place(name);
        fs::write(&path, bytes).unwrap();
        format!("docker-archive:{}", path.display())
    };
    for (target, expected) in [
        (place("half.tar", &whole[..whole.len() / 2]), "cut off"),
        (place("text.tar", b"hello"), "it is no tar archive"),
        (place("empty.tar", &[0; 1024]), "neither manifest.json nor index.json"),
        ("docker-archive:/no/such.tar".to_owned(), "/no/such.tar does not exist"),
        (format!("docker-archive:{}", forms.place("layout").display()), "is not a regular file"),
        (format!("oci:{}", forms.place("base").display()), "neither manifest.json nor index.json"),
    ] {
        let ran = palisade(&["audit", &target]);
        assert_eq!(ran.code, Some(2), "{target}: {}", ran.out);
        assert!(ran.err.contains(expected), "{target}: {}", ran.err);
    }
    let (good, bad) = (&forms.targets()[0], place("other-half.tar", &whole[..1000]));
    let fleet = palisade(&["audit", good, &bad, "--format", "json"]);
    assert_eq!(fleet.code, Some(2), "{}", fleet.err);
    assert!(fleet.out.contains("cut off") && fleet.out.contains("image.no-remote-shell"), "{}", fleet.out);
}

#[test]
fn a_bomb_ends_early_and_an_entry_that_leads_out_writes_nothing() {
    let forms = forms();
    // A layer of 1 GiB of zeros, packed by gzip: 1 MiB.
    let work = forms.place("bomb");
    fs::create_dir(&work).unwrap();
    let script = "
        truncate -s 1G zeros && tar -cf - zeros | gzip >layer.tar && rm zeros
        printf '[{\"Config\":\"c.json\",\"Layers\":[\"layer.tar\"]}]' >manifest.json && printf '{}' >c.json
        tar -cf ../bomb.tar layer.tar manifest.json c.json";
    succeed(Command::new("sh").args(["-ec", script]).current_dir(&work));
    let bomb = format!("docker-archive:{}", forms.place("bomb.tar").display());
    let ran = palisade(&["audit", &bomb]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("a decompression bomb"), "{}", ran.err);

    let outside = forms.place("outside");
    let script = "
        echo x >inside
        tar -cPf layer.tar --transform 's,^inside,../../outside,' inside
        printf '[{\"Config\":\"c.json\",\"Layers\":[\"layer.tar\"]}]' >manifest.json && printf '{}' >c.json
        tar -cPf ../escape.tar --transform 's,^inside,../outside,' inside layer.tar manifest.json c.json";
    succeed(Command::new("sh").args(["-ec", script]).current_dir(&work));
    let escape = format!("docker-archive:{}", forms.place("escape.tar").display());
    let report = palisade(&["audit", &escape, "--format", "json"]).json();
    assert_eq!(verdicts(&report)["image.stays-in-its-tree"], "fail");
    assert!(!outside.exists());
}

#[test]
fn what_buildah_builds_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    fs::write(
        place("Containerfile"),
        "FROM scratch\nCOPY os-release /etc/os-release\nCOPY key.pem /key.pem\nUSER 7\n",
    )
    .unwrap();
    fs::write(place("os-release"), "ID=debian\nVERSION_ID=8\n").unwrap();
    succeed(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out", &place("ed.pem")]));
    succeed(Command::new("openssl").args(["genpkey", "-algorithm", "rsa", "-out", &place("key.pem")]));
    let buildah = |args: &[&str]| {
        let mut command = Command::new("buildah");
        command.args(["--storage-driver", "vfs", "--root", &place("store"), "--runroot", &place("run")]);
        succeed(command.args(args).env("HOME", folder.path()));
    };
    buildah(&["bud", "--isolation", "chroot", "-t", "localhost/built:1", folder.path().to_str().unwrap()]);
    buildah(&["push", "localhost/built:1", &format!("oci:{}:built:1", place("layout"))]);
    let report = palisade(&["audit", &format!("oci:{}", place("layout")), "--format", "json"]).json();
    let found = verdicts(&report);
    assert_eq!(found["image.no-secrets-in-files"], "fail");
    assert_eq!(found["image.release-supported"], "fail");
    assert_eq!(found["image.digests-match"], "pass");
    assert_eq!(found["image.not-root"], "pass");
}
