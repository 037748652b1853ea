//! One definition: the machine as a whole. Source: <https://libvirt.org/formatdomain.html>.

use model::Fact;
use model::facts::vms::Machine;

use super::devices;
use crate::docker::secret_kind;
use crate::xml::{self, Element};

/// How deep metadata is searched for secrets, and how much of it.
const SEARCH_LIMIT: usize = 4096;
/// Features of processors by which a machine runs machines.
const NESTING: [&str; 2] = ["vmx", "svm"];
/// The elements, of a namespace whose prefix may have any name, under which raw arguments stand.
const RAW: [&str; 2] = ["commandline", "override"];

/// A file and the places in it.
pub(super) struct Domain<'a> {
    pub(super) file: &'a str,
    pub(super) root: &'a Element,
}

impl Domain<'_> {
    /// Where an element stands.
    pub(super) fn place(&self, element: &Element) -> String {
        format!("{}:{}:{}", self.file, element.line, element.column)
    }

    /// A value read at an element.
    pub(super) fn at<T>(&self, value: T, element: &Element) -> Fact<T> {
        Fact::read_at(value, self.place(element))
    }

    /// The text of an element; none when it is not there or empty.
    fn text(&self, path: &[&str]) -> Fact<String> {
        match self.root.below(path) {
            Some(element) if !element.text.is_empty() => self.at(clip(&element.text), element),
            _ => Fact::Absent,
        }
    }

    /// An attribute of an element.
    fn attribute(&self, path: &[&str], name: &str) -> Fact<String> {
        let element = self.root.below(path);
        match element.and_then(|element| Some((element, element.attribute(name)?))) {
            Some((element, value)) => self.at(clip(value), element),
            None => Fact::Absent,
        }
    }

    fn number(&self, path: &[&str]) -> Fact<u64> {
        let Some(element) = self.root.below(path) else { return Fact::Absent };
        match element.text.parse() {
            Ok(number) => self.at(number, element),
            Err(_) => Fact::unreadable(format!("{}: this is no number", self.place(element))),
        }
    }

    /// An amount of memory, KiB unless it says otherwise.
    fn memory(&self, path: &[&str]) -> Fact<u64> {
        let Some(element) = self.root.below(path) else { return Fact::Absent };
        let factor: Option<u64> = match element.attribute("unit").unwrap_or("KiB") {
            "b" | "bytes" => Some(1),
            "KB" => Some(1000),
            "k" | "KiB" => Some(1 << 10),
            "MB" => Some(1_000_000),
            "M" | "MiB" => Some(1 << 20),
            "GB" => Some(1_000_000_000),
            "G" | "GiB" => Some(1 << 30),
            "TB" => Some(1_000_000_000_000),
            "T" | "TiB" => Some(1 << 40),
            _ => None,
        };
        let number = element.text.parse::<u64>().ok();
        match number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor)) {
            Some(bytes) => self.at(bytes, element),
            None => Fact::unreadable(format!("{}: this is no amount of memory", self.place(element))),
        }
    }

    /// What is there, or not, at the place of the machine.
    fn is(&self, path: &[&str]) -> Fact<bool> {
        match self.root.below(path) {
            Some(element) => self.at(true, element),
            None => self.at(false, self.root),
        }
    }
}

/// The machine that `text` defines.
///
/// # Errors
/// Why it defines none, with the place.
pub(super) fn machine(file: &str, text: &str) -> Result<Machine, String> {
    let root = xml::parse(file, text)?;
    let domain = Domain { file, root: &root };
    if root.name != "domain" {
        return Err(format!("{}: the element is `{}`, not `domain`", domain.place(&root), clip(&root.name)));
    }
    let name = domain.text(&["name"]).value().cloned();
    let name = name.ok_or_else(|| format!("{}: the machine has no name", domain.place(&root)))?;
    Ok(Machine {
        name,
        source: domain.place(&root),
        uuid: domain.text(&["uuid"]),
        kind: Fact::from_option(root.attribute("type").map(clip)),
        machine_type: domain.attribute(&["os", "type"], "machine"),
        file_mode: Fact::Absent,
        others_may_read: Fact::Absent,
        host_devices: devices::host_devices(&domain),
        usb_redirections: devices::redirections(&domain),
        shares: devices::shares(&domain),
        shared_memory: devices::shared_memory(&domain),
        disks: devices::disks(&domain),
        graphics: devices::graphics(&domain),
        consoles: devices::consoles(&domain),
        has_guest_agent_channel: devices::guest_agent(&domain),
        interfaces: devices::interfaces(&domain),
        memory_bytes: domain.memory(&["memory"]),
        // Values from 8 EiB on stand for no limit.
        memory_hard_limit_bytes: domain
            .memory(&["memtune", "hard_limit"])
            .and_then(|bytes| if bytes >= 1 << 62 { Fact::Absent } else { Fact::known(bytes) }),
        memory_locked: domain.is(&["memoryBacking", "locked"]),
        processors: domain.number(&["vcpu"]),
        processor_limit: processor_limit(&domain),
        processor_shares: domain.number(&["cputune", "shares"]),
        processors_pinned: if root.child("vcpu").is_some_and(|vcpu| vcpu.attribute("cpuset").is_some()) {
            domain.attribute(&["vcpu"], "cpuset").map(|_| true)
        } else {
            domain.is(&["cputune", "vcpupin"])
        },
        disk_weight: domain.number(&["blkiotune", "weight"]),
        confinement: confinement(&domain),
        processor_mode: domain.attribute(&["cpu"], "mode"),
        nested_virtualization: nested(&domain),
        uefi: uefi(&domain),
        secure_boot: secure_boot(&domain),
        tpm: tpm(&domain),
        memory_encryption: domain.attribute(&["launchSecurity"], "type"),
        clock: domain.attribute(&["clock"], "offset"),
        watchdog_action: match root.below(&["devices", "watchdog"]) {
            Some(watchdog) => domain.at(watchdog.attribute("action").unwrap_or("reset").to_owned(), watchdog),
            None => Fact::Absent,
        },
        has_random_source: domain.is(&["devices", "rng"]),
        on_crash: domain.text(&["on_crash"]).or_default_value("destroy".to_owned()),
        starts_with_host: Fact::Absent,
        snapshots: Fact::Absent,
        raw_arguments: raw_arguments(&domain),
        secrets: secrets(&domain),
    })
}

pub(super) fn clip(text: &str) -> String {
    text.chars().take(1024).collect()
}

/// Processors of the host that all virtual ones may use together.
fn processor_limit(domain: &Domain<'_>) -> Fact<f64> {
    let tune = |name: &'static str| domain.root.below(&["cputune", name]);
    let number = |element: &Element| element.text.parse::<i64>().ok();
    // `global_quota` bounds everything; `quota` each virtual processor.
    let (quota, period, times) = match (tune("global_quota"), tune("quota")) {
        (Some(quota), _) => (quota, tune("global_period"), 1),
        (None, Some(quota)) => {
            let processors = domain.number(&["vcpu"]).value().copied().unwrap_or(1);
            (quota, tune("period"), processors.min(4096))
        }
        (None, None) => return Fact::Absent,
    };
    let period = period.map_or(Some(100_000), number).filter(|period| *period > 0);
    match (number(quota), period) {
        (Some(quota), _) if quota <= 0 => Fact::Absent,
        (Some(quota), Some(period)) => {
            let quota = u64::try_from(quota).unwrap_or(0).saturating_mul(times);
            domain.at(
                crate::docker::ratio(quota, u64::try_from(period).unwrap_or(1)),
                quota_place(domain, "cputune"),
            )
        }
        _ => Fact::unreadable(format!("{}: this is no quota", domain.place(quota))),
    }
}

fn quota_place<'a>(domain: &Domain<'a>, name: &str) -> &'a Element {
    domain.root.child(name).unwrap_or(domain.root)
}

/// One label of type `none` takes that kind of confinement away.
fn confinement(domain: &Domain<'_>) -> Fact<String> {
    let labels: Vec<&Element> = domain.root.all("seclabel").collect();
    let kind = |label: &Element| label.attribute("type").unwrap_or("default").to_owned();
    let first = labels.iter().find(|label| kind(label) == "none").or(labels.first());
    first.map_or_else(|| domain.at("default".to_owned(), domain.root), |label| domain.at(kind(label), label))
}

fn nested(domain: &Domain<'_>) -> Fact<bool> {
    let Some(cpu) = domain.root.child("cpu") else { return domain.at(false, domain.root) };
    let feature = cpu
        .all("feature")
        .find(|feature| feature.attribute("name").is_some_and(|name| NESTING.contains(&name)));
    if let Some(feature) = feature {
        let policy = feature.attribute("policy").unwrap_or("require");
        return domain.at(!matches!(policy, "disable" | "forbid"), feature);
    }
    // The host's processor as it is, with this feature where the host itself may hand it on.
    domain.at(matches!(cpu.attribute("mode"), Some("host-passthrough" | "maximum")), cpu)
}

fn uefi(domain: &Domain<'_>) -> Fact<bool> {
    let Some(os) = domain.root.child("os") else { return domain.at(false, domain.root) };
    let loader = os.child("loader").is_some_and(|loader| loader.attribute("type") == Some("pflash"));
    domain.at(os.attribute("firmware") == Some("efi") || loader, os)
}

fn secure_boot(domain: &Domain<'_>) -> Fact<bool> {
    let Some(os) = domain.root.child("os") else { return domain.at(false, domain.root) };
    let feature = os.child("firmware").into_iter().flat_map(|firmware| firmware.all("feature"));
    let feature = feature.into_iter().find(|feature| feature.attribute("name") == Some("secure-boot"));
    if let Some(feature) = feature {
        return domain.at(feature.attribute("enabled") == Some("yes"), feature);
    }
    match os.child("loader") {
        Some(loader) => domain.at(loader.attribute("secure") == Some("yes"), loader),
        None => domain.at(false, os),
    }
}

fn tpm(domain: &Domain<'_>) -> Fact<String> {
    let Some(tpm) = domain.root.below(&["devices", "tpm"]) else { return Fact::Absent };
    let backend = tpm.child("backend");
    let version = backend.and_then(|backend| backend.attribute("version")).unwrap_or("default");
    domain.at(version.to_owned(), tpm)
}

/// Names of what is handed to the emulator past libvirt.
fn raw_arguments(domain: &Domain<'_>) -> Fact<Vec<String>> {
    let raw = domain
        .root
        .children
        .iter()
        .filter(|child| !child.prefix.is_empty() && RAW.contains(&child.name.as_str()));
    let mut names = Vec::new();
    let mut place = None;
    for element in raw {
        place = place.or(Some(element));
        for child in &element.children {
            let said = child.attribute("value").or(child.attribute("name")).unwrap_or(&child.name);
            // `-vnc` and the name of a variable are names; what follows a flag is a value.
            if child.name != "arg" || said.starts_with('-') {
                let said = if child.name == "env" { child.attribute("name").unwrap_or_default() } else { said };
                names.push(clip(said.split('=').next().unwrap_or(said)));
            }
        }
        if element.children.is_empty() {
            names.push(clip(&element.name));
        }
    }
    names.truncate(256);
    domain.at(names, place.unwrap_or(domain.root))
}

/// Names in metadata, description and kernel command line whose values are secrets.
fn secrets(domain: &Domain<'_>) -> Fact<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let mut place: Option<&Element> = None;
    let metadata = domain.root.child("metadata").into_iter();
    let mut left: Vec<&Element> = metadata.collect();
    let mut seen = 0;
    while let Some(element) = left.pop() {
        seen += 1;
        if seen > SEARCH_LIMIT {
            return Fact::unreadable(format!(
                "{}: the metadata has more elements than are searched",
                domain.file
            ));
        }
        let named = element.attribute("name").or(element.attribute("key")).unwrap_or(&element.name);
        let said = element.attribute("value").filter(|_| element.text.is_empty()).unwrap_or(&element.text);
        let own = [(named, said)].into_iter().chain(element.pairs());
        for (name, value) in own {
            if !secret_kind(name, value).is_empty() && !found.iter().any(|known| known == name) {
                found.push(clip(name));
                place = place.or(Some(element));
            }
        }
        left.extend(&element.children);
    }
    for path in [&["os", "cmdline"][..], &["description"], &["title"]] {
        let Some(element) = domain.root.below(path) else { continue };
        for word in element.text.split_whitespace() {
            let Some((name, value)) = word.split_once(['=', ':']) else { continue };
            if !secret_kind(name, value).is_empty() {
                found.push(clip(name));
                place = place.or(Some(element));
            }
        }
    }
    domain.at(found, place.unwrap_or(domain.root))
}
