//! What is read of definitions, and where they are found.

use test_support::{Machine as Host, RIGHT, WRONG};

use super::*;

fn defined(devices: &str) -> Machine {
    let text = format!("<domain type='kvm'><name>a</name><vcpu>2</vcpu>{devices}</domain>");
    definition(&text).unwrap()
}

fn probed(host: Host, subject: Subject) -> Fact<Vms> {
    let (door, _root) = host.door();
    probe(&Context::new(door).of(subject))
}

#[test]
fn a_host_without_libvirt_has_no_section_and_one_with_it_its_machines() {
    assert!(probed(Host::new(), Subject::Host).is_absent());
    let text = "<domain><name>plc</name></domain>";
    let host = Host::new()
        .file_with_mode("/etc/libvirt/qemu/plc.xml", text, 0o600)
        .file("/etc/libvirt/qemu/networks/default.xml", "<network/>")
        .link("/etc/libvirt/qemu/autostart/plc.xml", "/etc/libvirt/qemu/plc.xml")
        .file("/var/lib/libvirt/qemu/snapshot/plc/before.xml", "x");
    let Fact::Known(section, _) = probed(host, Subject::Host) else { panic!("unreadable") };
    let machine = &section.machines.value().unwrap()[0];
    assert_eq!(machine.starts_with_host.value(), Some(&true));
    assert_eq!(machine.snapshots.value().unwrap(), &["before"]);
    assert_eq!(
        (machine.file_mode.value().unwrap().as_str(), machine.others_may_read.value()),
        ("0600", Some(&false))
    );
    let host = Host::new().file("/etc/libvirt/qemu/bad.xml", "<domain>");
    let Fact::Known(section, _) = probed(host, Subject::Host) else { panic!("unreadable") };
    assert!(
        matches!(&section.machines, Fact::Unreadable(why) if why.starts_with("/etc/libvirt/qemu/bad.xml:1:9: "))
    );
}

#[test]
fn a_target_is_a_file_or_a_folder_of_them() {
    let host = || Host::new().file("/v/a.xml", "<domain><name>a</name></domain>").file("/v/b.txt", "x");
    for path in ["/v", "/v/", "/v/a.xml"] {
        let Fact::Known(section, _) = probed(host(), Subject::Vm { path: path.to_owned() }) else {
            panic!("{path}")
        };
        let machine = &section.machines.value().unwrap()[0];
        assert_eq!(machine.source, "/v/a.xml:1:1");
        assert!(machine.starts_with_host.is_absent() && machine.snapshots.is_absent());
    }
    for (host, path) in [(host(), "/none"), (Host::new().directory("/e"), "/e"), (host(), "/v/b.txt")] {
        assert!(probed(host, Subject::Vm { path: path.to_owned() }).is_unreadable(), "{path}");
    }
}

#[test]
fn screens_are_local_by_their_listeners() {
    for (xml, local, password) in [
        ("<graphics type='vnc'/>", true, false),
        ("<graphics type='vnc' listen='0.0.0.0'/>", false, false),
        ("<graphics type='vnc' listen='::'><listen type='address' address='::1'/></graphics>", true, false),
        (
            "<graphics type='spice' passwd='x'><listen type='address' address='10.0.0.1'/></graphics>",
            false,
            true,
        ),
        ("<graphics type='vnc'><listen type='socket' socket='/run/x'/></graphics>", true, false),
        ("<graphics type='vnc'><listen type='none'/></graphics>", true, false),
        ("<graphics type='vnc'><listen type='network' network='default'/></graphics>", false, false),
        ("<graphics type='vnc' listen='plant.example'/>", false, false),
        ("<graphics type='vnc' socket='/run/x'/>", true, false),
        ("<graphics type='sdl'/>", true, false),
    ] {
        let machine = defined(&format!("<devices>{xml}</devices>"));
        let screen = &machine.graphics.value().unwrap()[0];
        assert_eq!((screen.is_local, screen.has_password), (local, password), "{xml}");
    }
}

#[test]
fn consoles_are_on_the_network_by_their_other_end() {
    for (xml, expected) in [
        ("<serial type='pty'/>", false),
        ("<serial type='tcp'><source mode='bind' host='0.0.0.0' service='1'/></serial>", true),
        ("<serial type='tcp'><source mode='bind' service='1'/></serial>", true),
        ("<console type='tcp'><source mode='bind' host='127.0.0.1' service='1'/></console>", false),
        (
            "<serial type='udp'><source mode='bind' host='127.0.0.1' service='1'/><source mode='connect' host='10.0.0.1' service='2'/></serial>",
            true,
        ),
        ("<channel type='unix'><source mode='bind' path='/run/x'/></channel>", false),
    ] {
        let machine = defined(&format!("<devices>{xml}</devices>"));
        assert_eq!(machine.consoles.value().unwrap()[0].is_on_network, expected, "{xml}");
    }
}

#[test]
fn amounts_and_limits_are_read_with_their_units() {
    let machine = defined(
        "<memory unit='GiB'>2</memory><memtune><hard_limit>4194304</hard_limit></memtune><cputune><quota>50000</quota><shares>512</shares></cputune>",
    );
    assert_eq!(machine.memory_bytes.value(), Some(&(2 << 30)));
    assert_eq!(machine.memory_hard_limit_bytes.value(), Some(&(4 << 30)));
    assert_eq!((machine.processor_limit.value(), machine.processor_shares.value()), (Some(&1.0), Some(&512)));
    let machine =
        defined("<memory unit='lots'>2</memory><memtune><hard_limit>9007199254740991</hard_limit></memtune>");
    assert!(machine.memory_bytes.is_unreadable() && machine.memory_hard_limit_bytes.is_absent());
    assert!(defined("<cputune><quota>-1</quota></cputune>").processor_limit.is_absent());
    assert!(defined("<memory>99999999999999999999</memory>").memory_bytes.is_unreadable());
}

#[test]
fn nested_virtualization_is_what_the_processor_offers() {
    for (xml, expected) in [
        ("", false),
        ("<cpu mode='host-model'/>", false),
        ("<cpu mode='host-passthrough'/>", true),
        ("<cpu mode='host-passthrough'><feature policy='disable' name='vmx'/></cpu>", false),
        ("<cpu mode='custom'><feature policy='require' name='svm'/></cpu>", true),
    ] {
        assert_eq!(defined(xml).nested_virtualization.value(), Some(&expected), "{xml}");
    }
}

#[test]
fn no_secret_of_a_definition_becomes_a_fact() {
    for described in [WRONG, RIGHT] {
        let machine = definition(described.text("domain.xml")).unwrap();
        let facts = serde_json::to_string(&machine).unwrap();
        assert!(!facts.contains("hunter2"), "{facts}");
        assert_eq!(machine.name, "plc");
    }
    let machine = definition(WRONG.text("domain.xml")).unwrap();
    assert_eq!(machine.secrets.value().unwrap(), &["api_token"]);
    assert_eq!(machine.raw_arguments.value().unwrap(), &["-monitor", "SECRET_ENV"]);
    assert_eq!(machine.host_devices.value().unwrap()[0].address, "vendor 0x046d product 0xc52b");
}

#[test]
fn what_is_no_machine_is_refused() {
    for text in
        ["", "<domain/>", "<domain><name/></domain>", "<domainsnapshot><name>a</name></domainsnapshot>", "{}"]
    {
        assert!(definition(text).is_none(), "{text}");
    }
}
