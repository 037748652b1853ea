//! What reading an image takes, beside reading its file at all: `cargo xtask bench images`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::chapter::with_chapter;
use super::process::{Runs, measure, median};
use super::{RESULTS, clean_root};
use crate::run::{output, root, run as call};

/// The heading of the chapter.
pub(crate) const HEADING: &str = "\n## Images\n";

/// Bytes of the image's layers; copies of the clean root fill them.
const SIZE: u64 = 500 << 20;

/// MiB of memory that reading it may take.
const MEMORY: f64 = 150.0;

const RUNS: usize = 5;

/// Makes the image, measures every form of it, and writes the chapter.
pub(crate) fn run() -> Result<()> {
    call("cargo", &["build", "--release", "--locked", "--package", "palisade"], &[])?;
    clean_root::prepare()?;
    let scratch = tempfile::Builder::new().prefix("palisade-bench-").tempdir()?;
    let at = |name: &str| scratch.path().join(name).display().to_string();
    let layers = layers(scratch.path())?;
    save(scratch.path(), &layers)?;
    let copy = |to: &str, more: &[&str]| {
        let from = format!("docker-archive:{}", at("saved.tar"));
        let args = [&["--insecure-policy", "copy", "--quiet"], more, &[from.as_str(), to]].concat();
        call("skopeo", &args, &[])
    };
    copy(&format!("oci:{}:bench:1", at("gzip")), &["--dest-compress-format", "gzip"])?;
    copy(&format!("oci:{}:bench:1", at("zstd")), &["--dest-compress-format", "zstd"])?;
    let program = root().join("target/release/palisade").display().to_string();
    let audit = |target: String| -> Vec<String> {
        [&program, "audit", &target, "--format", "json", "--fail-on", "never"]
            .iter()
            .map(|&word| word.to_owned())
            .collect()
    };
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|&word| word.to_owned()).collect() };
    let rows = [
        ("cat FILE >/dev/null (reading once)", measure(&words(&["cat", &at("saved.tar")]), RUNS, 1)?),
        (
            "sha256sum FILE (reading once, hashing once)",
            measure(&words(&["sha256sum", &at("saved.tar")]), RUNS, 1)?,
        ),
        (
            "palisade audit docker-archive:FILE",
            measure(&audit(format!("docker-archive:{}", at("saved.tar"))), RUNS, 1)?,
        ),
        ("gzip -dc LAYERS (unpacking once)", measure(&unpack(&at("gzip"), "gzip -dc")?, RUNS, 1)?),
        ("palisade audit oci:DIR, gzip", measure(&audit(format!("oci:{}", at("gzip"))), RUNS, 1)?),
        ("zstd -dc LAYERS (unpacking once)", measure(&unpack(&at("zstd"), "zstd -dc")?, RUNS, 1)?),
        ("palisade audit oci:DIR, zstd", measure(&audit(format!("oci:{}", at("zstd"))), RUNS, 1)?),
    ];
    let size = fs::metadata(at("saved.tar"))?.len();
    let chapter = chapter(size, layers.len(), &rows)?;
    let path = root().join(RESULTS);
    let page = fs::read_to_string(&path)?;
    fs::write(&path, with_chapter(&page, HEADING, &chapter))?;
    println!("{chapter}\nwritten to {RESULTS}");
    Ok(())
}

/// Layers of the clean root, each below a folder of its own, until there are enough bytes.
fn layers(folder: &Path) -> Result<Vec<String>> {
    let from = clean_root::place().display().to_string();
    let (mut names, mut size) = (Vec::new(), 0);
    while size < SIZE {
        let name = format!("{}.tar", names.len());
        let path = folder.join(&name).display().to_string();
        // The first is the root itself, so that it has packages and a release.
        let below = if names.is_empty() { String::new() } else { format!("copy-{}/", names.len()) };
        let transform = format!("s,^\\./,{below},");
        let skipped = format!("--exclude=./{}", clean_root::FOLDER);
        call(
            "tar",
            &[
                "-C",
                &from,
                &skipped,
                "--exclude=./proc/*",
                "--exclude=./sys/*",
                "--exclude=./dev/*",
                "--transform",
                &transform,
                "-cf",
                &path,
                ".",
            ],
            &[],
        )?;
        size += fs::metadata(&path)?.len();
        names.push(name);
    }
    Ok(names)
}

/// What `docker save` would write of these layers.
fn save(folder: &Path, layers: &[String]) -> Result<()> {
    let mut digests = Vec::new();
    for name in layers {
        let said = output("sha256sum", &[&folder.join(name).display().to_string()])?;
        let digest = said.split(' ').next().context("sha256sum says nothing")?;
        digests.push(format!("sha256:{digest}"));
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
        "config": {"User": "1000"}, "rootfs": {"type": "layers", "diff_ids": digests},
        "history": layers.iter().map(|_| json!({"created_by": "COPY . /"})).collect::<Vec<Value>>(),
    });
    fs::write(folder.join("config.json"), config.to_string())?;
    let manifest = json!([{"Config": "config.json", "RepoTags": ["bench.example/bench:1"], "Layers": layers}]);
    fs::write(folder.join("manifest.json"), manifest.to_string())?;
    let (place, archive) = (folder.display().to_string(), folder.join("saved.tar").display().to_string());
    let mut args = vec!["-C", &place, "-cf", &archive, "config.json", "manifest.json"];
    args.extend(layers.iter().map(String::as_str));
    call("tar", &args, &[])
}

/// A command that unpacks every layer of a layout once.
fn unpack(layout: &str, program: &str) -> Result<Vec<String>> {
    let blobs = Path::new(layout).join("blobs/sha256");
    let mut large = Vec::new();
    for entry in fs::read_dir(blobs)? {
        let entry = entry?;
        if entry.metadata()?.len() > 1 << 20 {
            large.push(entry.path().display().to_string());
        }
    }
    Ok(vec!["sh".to_owned(), "-c".to_owned(), format!("{program} {} >/dev/null", large.join(" "))])
}

fn chapter(size: u64, layers: usize, rows: &[(&str, Runs)]) -> Result<String> {
    let mut text = format!(
        "{HEADING}\nMade by `cargo xtask bench images` on an image of {} MiB in {layers} layers: copies of the clean root, saved as by \
         `docker save`, then copied\nby skopeo. All of it lies in the page cache.\n\n\
         | what | runs | wall s: median (min–max) | processor s | peak MiB |\n|---|---|---|---|---|\n",
        size >> 20
    );
    for (name, runs) in rows {
        let wall = &runs.wall;
        let (least, most) = wall.iter().fold((f64::MAX, 0.0_f64), |(low, high), s| (low.min(*s), high.max(*s)));
        text.push_str(&format!(
            "| {name} | {} | {:.3} ({least:.3}–{most:.3}) | {:.2} | {:.0} |\n",
            wall.len(),
            median(wall),
            median(&runs.cpu),
            peak(runs),
        ));
    }
    let of = |start: &str| {
        rows.iter().find(|(name, _)| name.starts_with(start)).map(|(_, runs)| runs).context("a row is missing")
    };
    let ours = rows
        .iter()
        .filter(|(name, _)| name.starts_with("palisade"))
        .map(|(_, runs)| peak(runs))
        .fold(0.0, f64::max);
    let beside = median(&of("palisade audit docker-archive")?.wall) / median(&of("sha256sum")?.wall);
    let met = if ours < MEMORY { "yes" } else { "**no**" };
    text.push_str(&format!(
        "\n| target | measured | met |\n|---|---|---|\n\
         | under {MEMORY:.0} MiB of memory at the peak | {ours:.0} MiB | {met} |\n\
         | close to reading the archive once: beside `sha256sum` of it | {beside:.1} times | |\n"
    ));
    Ok(text)
}

fn peak(runs: &Runs) -> f64 {
    runs.peak.iter().fold(0.0_f64, |high, mib| high.max(*mib))
}
