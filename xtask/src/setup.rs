//! Installs what the tests need: Debian packages, a Python environment and npm packages. Not root: says what is missing.

use anyhow::{Result, bail};

use crate::run::{self as command, root};

/// Debian packages, with the tests that need them.
const PACKAGES: &[(&str, &str)] = &[
    ("apache2", "fixes of web servers"),
    ("auditd", "audit rules"),
    ("buildah", "images"),
    ("busybox-static", "containers"),
    ("chromium", "pages in a browser"),
    ("chrony", "time"),
    ("curl", "the Management System's API"),
    ("default-jre-headless", "Java keystores: keytool"),
    ("debootstrap", "the Debian that runs in a container"),
    ("docker-compose", "containers"),
    ("docker.io", "containers"),
    ("iproute2", "network namespaces"),
    ("ldap-utils", "logins by a directory"),
    ("iptables", "firewall rule sets of both kinds"),
    ("util-linux", "namespaces"),
    ("mawk", "the firewall's namespaces"),
    ("libvirt-clients", "definitions of machines"),
    ("libxml2-utils", "definitions of machines"),
    ("mosquitto", "fixes of brokers"),
    ("nftables", "firewall rule sets"),
    ("nginx-light", "TLS and HTTP endpoints"),
    ("openssh-client", "SSH"),
    ("openssh-server", "SSH"),
    ("openssl", "TLS servers and certificates"),
    ("procps", "processes of private hosts"),
    ("postgresql", "fixes of databases"),
    ("python3-venv", "the Python environment"),
    ("python3-yaml", "what docker-compose makes of projects"),
    ("redis-server", "fixes of databases"),
    ("rsyslog", "receivers of the ledger"),
    ("rsyslog-gnutls", "receivers of the ledger"),
    ("rsyslog-openssl", "receivers of the ledger"),
    ("skopeo", "images"),
    ("slapd", "logins by a directory"),
    ("nodejs", "OPC UA servers and OpenID providers"),
    ("npm", "OPC UA servers and OpenID providers"),
    ("ssh-audit", "the cross-check of SSH algorithms"),
    ("sslscan", "the cross-check of TLS suites"),
    ("sudo", "sudoers"),
    ("systemd", "unit files"),
    ("testssl.sh", "the cross-check of TLS versions and certificates"),
];

/// Python packages of the tests' environment.
const PYTHON: &[&str] = &[
    "aiosmtpd==1.4.6",
    "ansible-core==2.17.7",
    "asyncua==2.1.0",
    "compliance-trestle==3.9.3",
    "cyclonedx-python-lib[json-validation]==11.12.0",
    "jsonschema==4.25.1",
    "kepconfig==1.4.2",
    // A server that speaks OpenSearch's API (20 MB, for x86-64): for the ledger's exporters.
    "osmem-server==0.1.6",
    "schemathesis==4.32.5",
];

/// The npm packages of the tests: an OPC UA server (72 MB with what it needs) and an OpenID provider (5 MB).
const NODE: &[&str] =
    &["axe-core@4.14.1", "node-opcua-server@2.186.4", "oidc-provider@9.13.3", "playwright-core@1.65.1"];

/// Where it stands, from the root of the repository.
const NODE_MODULES: &str = "target/test-node";

/// Where the Python environment stands, from the root of the repository.
pub(crate) const VENV: &str = "target/test-venv";

/// Makes sure that everything is there.
pub(crate) fn run() -> Result<()> {
    let missing: Vec<&(&str, &str)> = PACKAGES.iter().filter(|(package, _)| !is_installed(package)).collect();
    let venv = root().join(VENV);
    let venv_ready = std::fs::read_to_string(venv.join("ready")).is_ok_and(|list| list == PYTHON.join("\n"));
    let modules = root().join(NODE_MODULES);
    let node_ready = std::fs::read_to_string(modules.join("ready")).is_ok_and(|list| list == NODE.join("\n"));
    if missing.is_empty() && venv_ready && node_ready {
        println!("setup: everything is there");
        return Ok(());
    }
    if !missing.is_empty() {
        if !rustix::process::geteuid().is_root() {
            for (package, needed_by) in &missing {
                println!("missing: Debian package {package} (for the tests of {needed_by})");
            }
            bail!("run `cargo xtask setup` as root, or install them yourself");
        }
        let mut args = vec!["install", "-y", "--no-install-recommends"];
        args.extend(missing.iter().map(|(package, _)| *package));
        let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
        command::run("apt-get", &["update"], &quiet)?;
        command::run("apt-get", &args, &quiet)?;
    }
    if !venv_ready {
        let place = venv.display().to_string();
        command::run("python3", &["-m", "venv", &place], &[])?;
        let pip = venv.join("bin/pip").display().to_string();
        let mut args = vec!["install", "--quiet", "--disable-pip-version-check"];
        args.extend(PYTHON);
        command::run(&pip, &args, &[])?;
        std::fs::write(venv.join("ready"), PYTHON.join("\n"))?;
    }
    if !node_ready {
        std::fs::create_dir_all(&modules)?;
        let place = modules.display().to_string();
        // No scripts of packages run, and no project around it is looked for.
        let args = ["install", "--prefix", &place, "--no-audit", "--no-fund", "--omit=dev", "--omit=optional"];
        command::run("npm", &[&args[..], &["--ignore-scripts"], NODE].concat(), &[])?;
        std::fs::write(modules.join("ready"), NODE.join("\n"))?;
    }
    Ok(())
}

fn is_installed(package: &str) -> bool {
    // The packages of Node's own makers bring npm along under another name.
    if package == "npm" && std::path::Path::new("/usr/bin/npm").exists() {
        return true;
    }
    command::output("dpkg-query", &["--show", "--showformat=${db:Status-Status}", package])
        .is_ok_and(|status| status == "installed")
}
