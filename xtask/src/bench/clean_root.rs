//! A clean Debian with the packages that an audit looks at, made once and kept.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::run::{root, run};

/// The release of the clean root.
const RELEASE: &str = "bookworm";

/// What an administrator would install on a small server, and the two peers that run inside.
const PACKAGES: &str = "openssh-server,auditd,sudo,cron,chrony,rsyslog,logrotate,nftables,iptables,unattended-upgrades,\
                        libpam-pwquality,ca-certificates,procps,iproute2,kmod,linux-base,lynis,openscap-scanner";

/// Debian's content for OpenSCAP.
const DATASTREAM: &str = "/usr/share/xml/scap/ssg/content/ssg-debian11-ds.xml";

/// What the benchmark puts into the root: the folder, from the root.
pub(crate) const FOLDER: &str = "opt/bench";

/// The root's directory.
pub(crate) fn place() -> PathBuf {
    root().join("target/bench/root")
}

/// Makes the root unless it is there, and puts today's program into it.
pub(crate) fn prepare() -> Result<()> {
    let place = place();
    let ready = place.join(FOLDER).join("ready");
    if !ready.is_file() {
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir_all(&place)?;
        let include = format!("--include={PACKAGES}");
        let path = place.display().to_string();
        let args = ["--variant=minbase", &include, RELEASE, &path];
        run("debootstrap", &args, &[])?;
        fs::create_dir_all(place.join(FOLDER))?;
        fs::write(&ready, PACKAGES)?;
    }
    let program = root().join("target/release/palisade");
    let program = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => PathBuf::from(directory).join("release/palisade"),
        None => program,
    };
    fs::copy(&program, place.join(FOLDER).join("palisade"))
        .with_context(|| format!("cannot copy {}", program.display()))?;
    // Debian 12 has the content of Debian 11 only, which then applies to nothing: here it is told to apply.
    let content = fs::read_to_string(DATASTREAM).with_context(|| format!("cannot read {DATASTREAM}"))?;
    fs::write(place.join(FOLDER).join("ds.xml"), content.replace("^11.[0-9]+$", "^12.[0-9]+$"))?;
    Ok(())
}
