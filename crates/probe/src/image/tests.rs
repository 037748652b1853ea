//! Whole images in made-up archives and layouts: the same in every form, and what is none.

use std::io::Write;

use serde_json::{Value, json};
use test_support::Machine;

use super::stream::digest;
use super::*;

type Pack = fn(&[u8]) -> Vec<u8>;

/// A layer's archive of these files.
fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, content) in files {
        append(&mut builder, path, content.as_bytes());
    }
    builder.into_inner().unwrap()
}

fn append(builder: &mut ::tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
    let mut header = ::tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn config(layers: &[Vec<u8>]) -> Value {
    json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
        "config": {"User": "1000", "ExposedPorts": {"22/tcp": {}}, "Env": ["TOKEN_FILE=/x"]},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| digest(layer)).collect::<Vec<_>>()},
        "history": [
            {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
            {"created_by": "ENV A=b", "empty_layer": true},
            {"created_by": "RUN apt-get update && apt-get -y upgrade"},
        ],
    })
}

/// Members of what `docker save` writes.
fn saved(layers: &[Vec<u8>], config: &Value) -> Vec<(String, Vec<u8>)> {
    let config = config.to_string().into_bytes();
    let name = format!("{}.json", digest(&config).trim_start_matches("sha256:"));
    let names: Vec<String> = (0..layers.len()).map(|at| format!("{at}/layer.tar")).collect();
    let manifest = json!([{"Config": name, "RepoTags": ["reg.example/app:1"], "Layers": names}]);
    // Layers come first, as some engines write them.
    let mut members: Vec<_> = names.into_iter().zip(layers.iter().cloned()).collect();
    members.push((name, config));
    members.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
    members
}

/// Members of an OCI layout, the layers packed by `pack`.
fn layout(layers: &[Vec<u8>], config: &Value, pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut members = Vec::new();
    let mut blob = |bytes: Vec<u8>| {
        let (digest, size) = (digest(&bytes), bytes.len());
        members.push((format!("blobs/sha256/{}", digest.trim_start_matches("sha256:")), bytes));
        json!({"digest": digest, "size": size, "mediaType": ""})
    };
    let layers: Vec<Value> = layers.iter().map(|layer| blob(pack(layer))).collect();
    let config = blob(config.to_string().into_bytes());
    let mut manifest = blob(json!({"config": config, "layers": layers}).to_string().into_bytes());
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "reg.example/app:1"});
    members.push(("index.json".to_owned(), json!({"manifests": [manifest]}).to_string().into_bytes()));
    members
}

fn archive(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (path, content) in members {
        append(&mut builder, path, content);
    }
    builder.into_inner().unwrap()
}

fn look(machine: Machine, source: ImageSource) -> Result<Vec<Image>, String> {
    let (door, _root) = machine.door();
    images(&door, &ImageSubject { source, vulnerabilities: None })
}

/// The image in an archive of these bytes.
fn saved_image(bytes: &[u8]) -> Result<Image, String> {
    let machine = Machine::new().file("/app.tar", bytes);
    look(machine, ImageSource::DockerArchive("/app.tar".into())).map(|mut images| images.remove(0))
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n";

fn layers() -> Vec<Vec<u8>> {
    vec![
        layer(&[
            ("etc/os-release", "ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"Debian 12\"\n"),
            ("usr/sbin/sshd", "\u{0}"),
            ("app/deleted.key", KEY),
            (
                "var/lib/dpkg/status",
                "Package: zlib1g\nStatus: install ok installed\nSource: zlib (1:1.2-1)\nVersion: 1:1.2-1+b1\nArchitecture: amd64\n",
            ),
        ]),
        layer(&[
            ("app/.wh.deleted.key", ""),
            ("app/.env", "A=1\nDB_PASSWORD=Tr0ub4dor\n"),
            ("bin/bash", "\u{0}"),
        ]),
    ]
}

fn inside(image: &Image) -> &model::facts::docker::Contents {
    image.contents.value().unwrap()
}

/// What must be the same of an image in whatever form it comes.
fn told(image: &Image) -> Value {
    let mut value = serde_json::to_value(image).unwrap();
    value.as_object_mut().unwrap().remove("source");
    value.pointer_mut("/contents").unwrap().as_object_mut().unwrap().remove("manifest_digest");
    value
}

#[test]
fn the_same_image_is_the_same_in_every_form() {
    let (layers, config) = (layers(), config(&layers()));
    let docker = saved_image(&archive(&saved(&layers, &config))).unwrap();
    assert_eq!(docker.name, "reg.example/app:1");
    assert_eq!(docker.registries.value().unwrap(), &["reg.example"]);
    assert_eq!(docker.exposes_remote_shell.value(), Some(&true));
    assert_eq!(docker.remote_shells.value().unwrap(), &["/usr/sbin/sshd"]);
    assert_eq!(inside(&docker).shells.value().unwrap(), &["/bin/bash"]);
    assert_eq!(docker.runs_as_root.value(), Some(&false));
    assert_eq!(docker.upgrades_packages.value(), Some(&true));
    assert_eq!(inside(&docker).platform.value().unwrap(), "linux/amd64");
    assert_eq!(inside(&docker).digest_mismatches.value().unwrap(), &[] as &[String]);
    let package = &inside(&docker).packages.value().unwrap()[0];
    assert_eq!((package.source_name.as_str(), package.source_version.as_str()), ("zlib", "1:1.2-1"));
    let deleted = &inside(&docker).deleted_secrets.value().unwrap()[0];
    assert_eq!(
        (deleted.file.as_str(), deleted.kind.as_str(), deleted.layer),
        ("/app/deleted.key", "private-key", 1)
    );
    assert_eq!(deleted.step.value(), Some(&1));
    let shown = &inside(&docker).secrets.value().unwrap()[0];
    assert_eq!((shown.source.as_str(), shown.step.value()), ("layer 2: /app/.env:2", Some(&3)));
    let text = serde_json::to_string(&docker).unwrap();
    assert!(!text.contains("Tr0ub4dor") && !text.contains("MIIEv"));
    assert_eq!(inside(&docker).release.value().unwrap().pretty_name.value().unwrap(), "Debian 12");

    let packings: [Pack; 3] = [<[u8]>::to_vec, gzip, zstd];
    for pack in packings {
        let members = layout(&layers, &config, pack);
        let folder = members
            .iter()
            .fold(Machine::new(), |machine, (path, bytes)| machine.file(&format!("/oci/{path}"), bytes));
        let by_folder = look(folder, ImageSource::Oci("/oci".into())).unwrap().remove(0);
        assert_eq!(told(&by_folder), told(&docker));
        assert!(inside(&by_folder).manifest_digest.value().unwrap().starts_with("sha256:"));
        let packed = Machine::new().file("/oci.tar", gzip(&archive(&members)));
        let by_archive = look(packed, ImageSource::Oci("/oci.tar".into())).unwrap().remove(0);
        assert_eq!(told(&by_archive), told(&docker));
        assert_eq!(inside(&by_archive).manifest_digest, inside(&by_folder).manifest_digest);
    }
}

#[test]
fn what_differs_from_its_digest_is_told() {
    let (layers, config) = (layers(), config(&layers()));
    let mut members = saved(&layers, &config);
    members[1].1 = layer(&[("other", "")]);
    let image = saved_image(&archive(&members)).unwrap();
    let mismatches = inside(&image).digest_mismatches.value().unwrap().clone();
    assert!(
        matches!(mismatches.as_slice(), [one] if one.starts_with("layer 2 unpacked is not sha256:")),
        "{mismatches:?}"
    );

    let mut members = saved(&layers, &config);
    members[2].1.push(b' ');
    let image = saved_image(&archive(&members)).unwrap();
    assert!(
        inside(&image).digest_mismatches.value().unwrap()[0].starts_with("the configuration is not that of")
    );

    let mut members = layout(&layers, &config, gzip);
    members[0].1 = gzip(&layer(&[("other", "")]));
    let machine = Machine::new().file("/oci.tar", archive(&members));
    let image = look(machine, ImageSource::Oci("/oci.tar".into())).unwrap().remove(0);
    let mismatches = inside(&image).digest_mismatches.value().unwrap();
    assert!(mismatches[0].starts_with("layer 1 is not that of sha256:"), "{mismatches:?}");

    // A layer that the configuration does not know of.
    let image = saved_image(&archive(&saved(&[layers.clone(), layers.clone()].concat(), &config))).unwrap();
    assert_eq!(
        inside(&image).digest_mismatches.value().unwrap(),
        &["there are 4 layers, and the configuration names 2"]
    );
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    let (layers, config) = (layers(), config(&layers()));
    let whole = archive(&saved(&layers, &config));
    let parsed = |text: &str| saved_image(&archive(&[("manifest.json".to_owned(), text.as_bytes().to_vec())]));
    let without_layer = archive(&saved(&layers, &config)[1..]);
    let big = archive(&[("manifest.json".to_owned(), vec![b'['; 5 << 20])]);
    let many = json!(vec![json!({"Config": "missing.json"}); 33]).to_string();
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (found, expected) in [
        (saved_image(b""), "no tar archive"),
        (saved_image(b"hello"), "no tar archive"),
        (saved_image(&whole[..whole.len() / 2]), "cut off"),
        (saved_image(&archive(&[])), "neither manifest.json nor index.json"),
        (saved_image(&gzip(b"junk")), "no tar archive"),
        (saved_image(&gzip(&whole)[..200]), "deflate"),
        (saved_image(&without_layer), "layer 0/layer.tar is not there"),
        (saved_image(&big), "neither manifest.json nor index.json"),
        (parsed("[]"), "names no image"),
        (parsed(&many), "more than 32 images"),
        (parsed("[1]"), "manifest.json is not what it should be (line 1, column 2)"),
        (parsed(&nested), "manifest.json is not what it should be"),
        (parsed(r#"[{"Config": "../../etc/shadow", "Layers": []}]"#), "leads out of the image"),
        (parsed(r#"[{"Config": "missing.json", "Layers": []}]"#), "missing.json is not there"),
        (
            parsed(r#"[{"Config": "manifest.json", "Layers": ["manifest.json"]}]"#),
            "manifest.json is no archive",
        ),
    ] {
        let error = found.err().unwrap();
        assert!(error.starts_with("/app.tar: ") && error.contains(expected), "{error}\n{expected}");
    }
}

#[test]
fn members_that_lead_out_and_links_harm_nobody() {
    let (layers, config) = (layers(), config(&layers()));
    let mut builder = ::tar::Builder::new(Vec::new());
    append(&mut builder, "../../outside", b"x");
    append(&mut builder, "/absolute", b"x");
    let link = |builder: &mut ::tar::Builder<Vec<u8>>, name: &str, to: &str| {
        let mut header = ::tar::Header::new_gnu();
        header.set_entry_type(::tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, name, to).unwrap();
    };
    link(&mut builder, "out", "../../../etc/shadow");
    link(&mut builder, "loop", "loop");
    let mut members = saved(&layers, &config);
    // The first layer is a link to where it really stands, as newer builders write it.
    members[0].0 = "blobs/first.tar".to_owned();
    link(&mut builder, "0/layer.tar", "../blobs/first.tar");
    for (path, content) in &members {
        append(&mut builder, path, content);
    }
    assert!(
        inside(&saved_image(&builder.into_inner().unwrap()).unwrap())
            .digest_mismatches
            .value()
            .unwrap()
            .is_empty()
    );

    let looping = json!([{"Config": "loop", "Layers": []}]).to_string().into_bytes();
    let mut builder = ::tar::Builder::new(Vec::new());
    link(&mut builder, "loop", "loop");
    append(&mut builder, "manifest.json", &looping);
    assert!(saved_image(&builder.into_inner().unwrap()).unwrap_err().contains("links"));
}

#[test]
fn a_layout_s_links_are_not_followed_out_of_it() {
    let (layers, config) = (layers(), config(&layers()));
    let members = layout(&layers, &config, gzip);
    let machine = members
        .iter()
        .skip(1)
        .fold(Machine::new(), |machine, (path, bytes)| machine.file(&format!("/oci/{path}"), bytes));
    let machine = machine.file("/secret", &members[0].1).link(&format!("/oci/{}", members[0].0), "/secret");
    assert!(look(machine, ImageSource::Oci("/oci".into())).unwrap_err().contains("no regular file"));
    let error = look(Machine::new().directory("/oci"), ImageSource::Oci("/oci".into())).unwrap_err();
    assert!(error.contains("neither manifest.json nor index.json"), "{error}");
    let index = r#"{"manifests": [{"digest": "sha256:../../../etc/shadow"}]}"#;
    let error =
        look(Machine::new().file("/oci/index.json", index), ImageSource::Oci("/oci".into())).unwrap_err();
    assert!(error.contains("is no digest"), "{error}");
}

#[test]
fn an_index_that_leads_to_itself_ends() {
    // A digest cannot be that of a document that holds it: a lying one is told as soon as it is read.
    let name = "0".repeat(64);
    let index = json!({"manifests": [{
        "digest": format!("sha256:{name}"), "mediaType": "application/vnd.oci.image.index.v1+json",
    }]});
    let machine = Machine::new()
        .file("/oci/index.json", index.to_string())
        .file(&format!("/oci/blobs/sha256/{name}"), index.to_string());
    assert!(look(machine, ImageSource::Oci("/oci".into())).unwrap_err().contains("more than 4 indexes"));
    let many = json!({"manifests": vec![index["manifests"][0].clone(); 400]});
    let below = json!({"manifests": vec![json!({"digest": format!("sha256:{}", "1".repeat(64))}); 400]});
    let machine = Machine::new()
        .file("/oci/index.json", many.to_string())
        .file(&format!("/oci/blobs/sha256/{name}"), below.to_string());
    assert!(look(machine, ImageSource::Oci("/oci".into())).unwrap_err().contains("more than 1000 manifests"));
}

#[test]
fn bombs_are_told_by_their_ratio_and_by_their_size() {
    let bomb = gzip(&layer(&[("zeros", &"\0".repeat(40 << 20))]));
    assert!(bomb.len() < 300_000);
    let (door, _root) = Machine::new().door();
    let layers = [layer(&[])];
    for (budget, expected) in [
        (Budget::small(&door, 1 << 40, 16 << 20), "a decompression bomb"),
        (Budget::small(&door, 8 << 20, 1 << 40), "its layers unpack to more than 8388608 bytes"),
    ] {
        let mut members = saved(&layers, &config(&layers));
        members[0].1.clone_from(&bomb);
        let read = Members::read(archive(&members).as_slice(), 0, &budget);
        let error = read
            .map_err(|error| error.to_string())
            .and_then(|mut members| manifest::images(&mut members, true));
        assert!(error.err().unwrap().contains(expected));
        // The archive as a whole may be the bomb.
        let whole = gzip(&archive(
            &members.iter().map(|(path, _)| (path.clone(), vec![0; 40 << 20])).collect::<Vec<_>>(),
        ));
        let error = Members::read(whole.as_slice(), whole.len() as u64, &budget).err().unwrap().to_string();
        assert!(error.contains("unpack"), "{error}");
    }
}

#[test]
fn reading_ends_when_the_door_closes() {
    let (layers, config) = (layers(), config(&layers()));
    let mut members = saved(&layers, &config);
    members.insert(0, ("ballast".to_owned(), vec![0; 20 << 20]));
    let (door, _root) = Machine::new().file("/app.tar", archive(&members)).door();
    let door = door.until(std::time::Instant::now() + std::time::Duration::from_millis(1));
    let subject = ImageSubject { source: ImageSource::DockerArchive("/app.tar".into()), vulnerabilities: None };
    std::thread::sleep(std::time::Duration::from_millis(2));
    assert!(images(&door, &subject).unwrap_err().contains("time is up"));
}
