//! What a machine is given: devices, disks, screens, ports, cards.

use std::net::IpAddr;

use model::Fact;
use model::facts::vms::{Channel, Disk, Graphics, HostDevice, Interface, Share};

use super::domain::{Domain, clip};
use crate::docker::is_sensitive_path;
use crate::xml::Element;

/// Devices of one kind that are kept.
const LIMIT: usize = 1024;
/// How names of whole disks and partitions begin below `/dev`.
const HOST_DISKS: &[&str] = &["sd", "hd", "vd", "xvd", "nvme", "mmcblk", "md", "disk/"];
/// The kinds of cards that stand in the network of the host itself.
const WIRED: &[&str] = &["bridge", "direct", "hostdev", "vdpa", "ethernet"];
/// The channel of QEMU's guest agent.
const AGENT: &str = "org.qemu.guest_agent.0";

fn all<'a>(domain: &Domain<'a>, name: &'a str) -> impl Iterator<Item = &'a Element> {
    domain
        .root
        .children
        .iter()
        .filter(|child| child.name == "devices")
        .flat_map(move |devices| devices.all(name))
        .take(LIMIT)
}

/// A list with the place of its first element; that of the machine for an empty one.
fn listed<T>(domain: &Domain<'_>, list: Vec<(T, &Element)>) -> Fact<Vec<T>> {
    let place = list.first().map_or(domain.root, |(_, element)| *element);
    domain.at(list.into_iter().map(|(value, _)| value).collect(), place)
}

fn says(element: &Element, path: &[&str], attribute: &str) -> String {
    element.below(path).and_then(|element| element.attribute(attribute)).map(clip).unwrap_or_default()
}

/// Devices handed through.
pub(super) fn host_devices(domain: &Domain<'_>) -> Fact<Vec<HostDevice>> {
    let devices = all(domain, "hostdev").map(|element| {
        let kind = element.attribute("type").unwrap_or("pci");
        // The address of the source, not the one inside the machine.
        let of = |path: &[&str], name: &str| says(element, path, name);
        let digits = |name: &str| of(&["source", "address"], name).trim_start_matches("0x").to_owned();
        let address = match kind {
            "pci" => {
                format!("{}:{}:{}.{}", digits("domain"), digits("bus"), digits("slot"), digits("function"))
            }
            "usb" if element.below(&["source", "vendor"]).is_some() => {
                format!(
                    "vendor {} product {}",
                    of(&["source", "vendor"], "id"),
                    of(&["source", "product"], "id")
                )
            }
            "usb" => format!("bus {} device {}", digits("bus"), digits("device")),
            "mdev" => of(&["source", "address"], "uuid"),
            "scsi" => of(&["source", "adapter"], "name"),
            "scsi_host" => of(&["source"], "wwpn"),
            _ => ["interface", "block", "char"]
                .iter()
                .find_map(|name| element.below(&["source", name]))
                .map(|element| clip(&element.text))
                .unwrap_or_default(),
        };
        (HostDevice { kind: clip(kind), address, source: domain.place(element) }, element)
    });
    // A network card that is a device of the host is one of these too.
    let cards = all(domain, "interface").filter(|element| element.attribute("type") == Some("hostdev")).map(
        |element| {
            let address = format!(
                "{}:{}:{}.{}",
                says(element, &["source", "address"], "domain").trim_start_matches("0x"),
                says(element, &["source", "address"], "bus").trim_start_matches("0x"),
                says(element, &["source", "address"], "slot").trim_start_matches("0x"),
                says(element, &["source", "address"], "function").trim_start_matches("0x"),
            );
            (HostDevice { kind: "net".to_owned(), address, source: domain.place(element) }, element)
        },
    );
    listed(domain, devices.chain(cards).collect())
}

/// Channels by which a viewer plugs devices in.
pub(super) fn redirections(domain: &Domain<'_>) -> Fact<Vec<Channel>> {
    listed(domain, all(domain, "redirdev").map(|element| (channel(domain, element), element)).collect())
}

/// Directories of the host.
pub(super) fn shares(domain: &Domain<'_>) -> Fact<Vec<Share>> {
    let shares = all(domain, "filesystem").map(|element| {
        let source = element.child("source");
        let paths = ["dir", "file", "dev", "name", "socket", "volume"];
        let host_path =
            source.and_then(|source| paths.iter().find_map(|name| source.attribute(name))).unwrap_or_default();
        let read_only = element.child("readonly").is_some();
        let share = Share {
            driver: element
                .below(&["driver"])
                .and_then(|driver| driver.attribute("type"))
                .unwrap_or("path")
                .to_owned(),
            is_sensitive_host_path: host_path.starts_with('/') && is_sensitive_path(host_path, !read_only),
            host_path: clip(host_path),
            target: says(element, &["target"], "dir"),
            read_only,
            source: domain.place(element),
        };
        (share, element)
    });
    listed(domain, shares.collect())
}

/// Memory shared with others.
pub(super) fn shared_memory(domain: &Domain<'_>) -> Fact<Vec<String>> {
    let shared = all(domain, "shmem");
    listed(
        domain,
        shared.map(|element| (clip(element.attribute("name").unwrap_or_default()), element)).collect(),
    )
}

/// Disks and drives.
pub(super) fn disks(domain: &Domain<'_>) -> Fact<Vec<Disk>> {
    let disks = all(domain, "disk").map(|element| {
        let source = element.child("source");
        let names = ["file", "dev", "dir", "name", "volume", "path"];
        let path = source.and_then(|source| names.iter().find_map(|name| source.attribute(name)));
        let driver = |name: &str| {
            Fact::from_option(element.child("driver").and_then(|driver| driver.attribute(name)).map(clip))
        };
        let encrypts = |element: &Element| element.child("encryption").is_some();
        let kind = element.attribute("type").unwrap_or("file");
        let disk = Disk {
            name: says(element, &["target"], "dev"),
            device: clip(element.attribute("device").unwrap_or("disk")),
            kind: clip(kind),
            path: Fact::from_option(path.map(clip)),
            format: driver("type"),
            cache: driver("cache"),
            read_only: element.child("readonly").is_some() || element.attribute("device") == Some("cdrom"),
            shareable: element.child("shareable").is_some(),
            encrypted: encrypts(element) || source.is_some_and(encrypts),
            is_host_disk: kind == "nvme" || path.is_some_and(is_host_disk),
            source: domain.place(element),
        };
        (disk, element)
    });
    listed(domain, disks.collect())
}

fn is_host_disk(path: &str) -> bool {
    path.strip_prefix("/dev/").is_some_and(|name| HOST_DISKS.iter().any(|start| name.starts_with(start)))
}

/// Screens.
pub(super) fn graphics(domain: &Domain<'_>) -> Fact<Vec<Graphics>> {
    let graphics = all(domain, "graphics").map(|element| {
        let kind = element.attribute("type").unwrap_or_default();
        let on_network = matches!(kind, "vnc" | "spice" | "rdp");
        let listens: Vec<&Element> = element.all("listen").collect();
        let mut addresses = Vec::new();
        for listen in &listens {
            match listen.attribute("type") {
                Some("none" | "socket") => {}
                Some("network") => addresses.push(clip(
                    listen.attribute("address").or(listen.attribute("network")).unwrap_or_default(),
                )),
                // Without an address it is that of the driver's settings, as a rule 127.0.0.1.
                _ => addresses.push(clip(
                    listen.attribute("address").or(element.attribute("listen")).unwrap_or("127.0.0.1"),
                )),
            }
        }
        if listens.is_empty() && on_network && element.attribute("socket").is_none() {
            addresses.push(clip(element.attribute("listen").unwrap_or("127.0.0.1")));
        }
        if !on_network {
            addresses.clear();
        }
        let screen = Graphics {
            kind: clip(kind),
            is_local: addresses.iter().all(|address| is_loopback(address)),
            addresses,
            has_password: element.attribute("passwd").is_some_and(|password| !password.is_empty()),
            password_valid_to: Fact::from_option(element.attribute("passwdValidTo").map(clip)),
            tls_required: element.attribute("defaultMode") == Some("secure"),
            source: domain.place(element),
        };
        (screen, element)
    });
    listed(domain, graphics.collect())
}

fn is_loopback(address: &str) -> bool {
    address == "localhost"
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Serial ports, consoles, parallel ports and channels.
pub(super) fn consoles(domain: &Domain<'_>) -> Fact<Vec<Channel>> {
    let kinds = ["serial", "console", "parallel", "channel"];
    let channels =
        kinds.iter().flat_map(|kind| all(domain, kind)).map(|element| (channel(domain, element), element));
    listed(domain, channels.collect())
}

fn channel(domain: &Domain<'_>, element: &Element) -> Channel {
    let kind = element.attribute("type").unwrap_or("pty");
    let hosts: Vec<&str> = element.all("source").filter_map(|source| source.attribute("host")).collect();
    let on_network = matches!(kind, "tcp" | "udp" | "telnet");
    let address = match hosts.first() {
        Some(host) => {
            let port = element.all("source").find_map(|source| source.attribute("service")).unwrap_or_default();
            format!("{host}:{port}")
        }
        None => {
            element.all("source").find_map(|source| source.attribute("path")).unwrap_or_default().to_owned()
        }
    };
    Channel {
        device: clip(&element.name),
        kind: clip(kind),
        target: says(element, &["target"], "name"),
        address: clip(&address),
        // Without a host it listens everywhere.
        is_on_network: on_network && (hosts.is_empty() || !hosts.iter().all(|host| is_loopback(host))),
        tls: element.all("source").any(|source| source.attribute("tls") == Some("yes")),
        source: domain.place(element),
    }
}

/// Whether the host can talk to an agent inside.
pub(super) fn guest_agent(domain: &Domain<'_>) -> Fact<bool> {
    let agent = all(domain, "channel").find(|element| says(element, &["target"], "name") == AGENT);
    agent.map_or_else(|| domain.at(false, domain.root), |element| domain.at(true, element))
}

/// Network cards.
pub(super) fn interfaces(domain: &Domain<'_>) -> Fact<Vec<Interface>> {
    let cards = all(domain, "interface").map(|element| {
        let kind = element.attribute("type").unwrap_or_default();
        let source = element.child("source");
        let names = ["network", "bridge", "dev", "address"];
        let network =
            source.and_then(|source| names.iter().find_map(|name| source.attribute(name))).unwrap_or_default();
        let card = Interface {
            kind: clip(kind),
            network: clip(network),
            mode: says(element, &["source"], "mode"),
            mac: says(element, &["mac"], "address"),
            model: says(element, &["model"], "type"),
            filter: says(element, &["filterref"], "filter"),
            isolated: says(element, &["port"], "isolated") == "yes",
            inbound_limited: element.below(&["bandwidth", "inbound"]).is_some(),
            is_on_the_wire: WIRED.contains(&kind),
            source: domain.place(element),
        };
        (card, element)
    });
    listed(domain, cards.collect())
}
