//! The engine's disk, its volumes and its networks.

use std::path::Path;

use host::Door;
use model::Fact;
use model::facts::docker::{Container, Network, Volume};
use serde_json::Value;

use super::json::{Json, clip};
use crate::disks::encryption;
use crate::fact::IntoFact;

/// Networks that every engine has.
const BUILT_IN: &[&str] = &["bridge", "host", "none"];

/// What is known of the filesystem that holds the engine's data.
pub(super) struct Disk {
    pub(super) own_partition: Fact<bool>,
    pub(super) encrypted: Fact<bool>,
    pub(super) free_percent: Fact<f64>,
}

/// Looks at the filesystem that holds `root`.
pub(super) fn disk(door: &Door, root: &Fact<String>) -> Disk {
    let root = match root {
        Fact::Known(root, _) => root,
        Fact::Absent => {
            return Disk { own_partition: Fact::Absent, encrypted: Fact::Absent, free_percent: Fact::Absent };
        }
        Fact::Unreadable(reason) => {
            let unreadable = || reason.clone();
            return Disk {
                own_partition: Fact::unreadable(unreadable()),
                encrypted: Fact::unreadable(unreadable()),
                free_percent: Fact::unreadable(unreadable()),
            };
        }
    };
    let device = door.stat(root).into_fact(door).map(|stat| stat.device);
    let parent = Path::new(root).parent().unwrap_or(Path::new("/"));
    let live = door.is_live();
    let offline = "which filesystem holds the engine's data only a running host tells";
    Disk {
        own_partition: if live {
            device.clone().and_then(|device| {
                door.stat(parent).into_fact(door).map(|stat| stat.device != device || root == "/")
            })
        } else {
            Fact::unreadable(offline)
        },
        encrypted: if live {
            device.and_then(|device| encrypted(door, major_minor(device)))
        } else {
            Fact::unreadable(offline)
        },
        free_percent: door.stat_fs(root).into_fact(door).and_then(|usage| {
            // As df counts: what is kept back for root is neither used nor free.
            let all = u128::from(usage.bytes_used) + u128::from(usage.bytes_free);
            if all == 0 {
                return Fact::Absent;
            }
            let percent = u128::from(usage.bytes_free) * 1000 / all;
            Fact::known(f64::from(u32::try_from(percent).unwrap_or(u32::MAX)) / 10.0)
        }),
    }
}

/// The kernel's packing of a device number.
fn major_minor(device: u64) -> (u64, u64) {
    let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
    let minor = (device & 0xff) | ((device >> 12) & 0xffff_ff00);
    (major, minor)
}

fn encrypted(door: &Door, (major, minor): (u64, u64)) -> Fact<bool> {
    if major == 0 || !door.exists(format!("/sys/dev/block/{major}:{minor}")) {
        return Fact::unreadable(format!(
            "the device {major}:{minor} below the filesystem is not in /sys/dev/block"
        ));
    }
    encryption::of_number(door, &format!("{major}:{minor}")).encrypted
}

/// Volumes out of the engine's list.
pub(super) fn volumes(json: Json<'_>, containers: &Fact<Vec<Container>>) -> Fact<Vec<Volume>> {
    json.items("/Volumes").map(|items| {
        items
            .into_iter()
            .map(|item| {
                let name = item.get("Name").and_then(Value::as_str).map(clip).unwrap_or_default();
                let place = format!("docker volume {name}");
                let json = Json::new(Ok(item), &place);
                let used_by = users(containers, |container| {
                    container
                        .mounts
                        .clone()
                        .map(|mounts| mounts.iter().any(|mount| mount.volume.value() == Some(&name)))
                });
                Volume {
                    driver: json.text("/Driver"),
                    mountpoint: json.text("/Mountpoint"),
                    device: json.text("/Options/device"),
                    unused: used_by.clone().map(|users| users.is_empty()),
                    used_by,
                    source: place.clone(),
                    name,
                }
            })
            .collect()
    })
}

/// Networks out of the engine's list.
pub(super) fn networks(json: Json<'_>, containers: &Fact<Vec<Container>>) -> Fact<Vec<Network>> {
    json.items("").map(|items| {
        items
            .into_iter()
            .map(|item| {
                let name = item.get("Name").and_then(Value::as_str).map(clip).unwrap_or_default();
                let place = format!("docker network {name}");
                let json = Json::new(Ok(item), &place);
                Network {
                    id: json.text("/Id").value().map(|id| short(id)).unwrap_or_default(),
                    driver: json.text("/Driver"),
                    internal: json.flag_or("/Internal", false),
                    icc: json
                        .text("/Options/com.docker.network.bridge.enable_icc")
                        .map(|value| value != "false")
                        .or_default_value(true),
                    is_default_bridge: json
                        .text("/Options/com.docker.network.bridge.default_bridge")
                        .map(|value| value == "true")
                        .or_default_value(false),
                    is_built_in: Fact::known(BUILT_IN.contains(&name.as_str())),
                    subnets: json.items("/IPAM/Config").map(|configs| {
                        configs
                            .iter()
                            .filter_map(|config| config.get("Subnet").and_then(Value::as_str))
                            .map(clip)
                            .collect()
                    }),
                    containers: users(containers, |container| {
                        container.networks.clone().map(|names| names.contains(&name))
                    }),
                    source: place.clone(),
                    name,
                }
            })
            .collect()
    })
}

/// Names of the containers for which `uses` holds; unreadable when one of them cannot tell.
pub(super) fn users(
    containers: &Fact<Vec<Container>>,
    uses: impl Fn(&Container) -> Fact<bool>,
) -> Fact<Vec<String>> {
    containers.clone().and_then(|containers| {
        let mut names = Vec::new();
        for container in &containers {
            match uses(container) {
                Fact::Known(true, _) => names.push(container.name.clone()),
                Fact::Unreadable(reason) => return Fact::unreadable(reason),
                Fact::Known(false, _) | Fact::Absent => {}
            }
        }
        Fact::known(names)
    })
}

/// The first 12 digits of an id, as the engine's own tools show it.
pub(super) fn short(id: &str) -> String {
    id.trim_start_matches("sha256:").chars().take(12).collect()
}
