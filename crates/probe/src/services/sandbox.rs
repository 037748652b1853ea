//! How a service is fenced in, from its unit file.

use model::Fact;
use model::facts::services::Sandbox;

use crate::units::file::UnitFile;

/// Reads the fence of a service that starts as `user`.
pub(crate) fn read(unit: &UnitFile, user: &str) -> Sandbox {
    let is = |key: &str| unit.is_true(&format!("Service.{key}"));
    let word = |key: &str, default: &str| {
        let value = unit.last(&format!("Service.{key}")).unwrap_or(default).to_ascii_lowercase();
        match value.as_str() {
            "1" | "on" | "true" | "y" | "t" => "yes".to_owned(),
            "0" | "off" | "false" | "n" | "f" => "no".to_owned(),
            _ => value,
        }
    };
    let list = |key: &str| {
        let key = format!("Service.{key}");
        if unit.is_set(&key) { Fact::known(unit.all(&key).join(" ")) } else { Fact::Absent }
    };
    let last = |key: &str| Fact::from_option(unit.last(&format!("Service.{key}")).map(str::to_owned));
    let dynamic = is("DynamicUser");
    let is_root = user == "root" || user == "0";
    let memory_max = match last("MemoryMax") {
        Fact::Absent => last("MemoryLimit"),
        known => known,
    };
    let restrict_namespaces = !matches!(word("RestrictNamespaces", "no").as_str(), "no");
    // systemd.exec(5): these imply NoNewPrivileges= for services that do not run as root or lack CAP_SYS_ADMIN.
    let implies = [
        "DynamicUser",
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "PrivateDevices",
        "ProtectClock",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictRealtime",
        "RestrictSUIDSGID",
    ];
    let no_new_privileges = is("NoNewPrivileges")
        || dynamic
        || (!is_root
            && (implies.iter().any(|key| is(key))
                || restrict_namespaces
                || unit.is_set("Service.SystemCallFilter")
                || unit.is_set("Service.RestrictAddressFamilies")
                || unit.is_set("Service.SystemCallArchitectures")));
    let mut sandbox = Sandbox {
        exposure: 0.0,
        no_new_privileges,
        protect_system: if dynamic { "strict".to_owned() } else { word("ProtectSystem", "no") },
        protect_home: if dynamic && unit.last("Service.ProtectHome").is_none() {
            "read-only".to_owned()
        } else {
            word("ProtectHome", "no")
        },
        private_tmp: dynamic || !matches!(word("PrivateTmp", "no").as_str(), "no"),
        private_devices: is("PrivateDevices"),
        protect_kernel: is("ProtectKernelTunables")
            && is("ProtectKernelModules")
            && is("ProtectKernelLogs")
            && is("ProtectControlGroups"),
        memory_deny_write_execute: is("MemoryDenyWriteExecute"),
        restrict_namespaces,
        restrict_address_families: list("RestrictAddressFamilies"),
        system_call_filter: list("SystemCallFilter"),
        capability_bounding_set: list("CapabilityBoundingSet"),
        ambient_capabilities: list("AmbientCapabilities"),
        memory_max,
        cpu_quota: last("CPUQuota"),
        tasks_max: last("TasksMax"),
    };
    sandbox.exposure = exposure(unit, &sandbox, is_root && !dynamic);
    sandbox
}

/// The weighted share of what is not fenced in, from 0 to 10. Weights follow what an attacker who has taken over the
/// service could do next: become root, change the system, reach other processes, reach the kernel.
fn exposure(unit: &UnitFile, sandbox: &Sandbox, is_root: bool) -> f64 {
    let is = |key: &str| unit.is_true(&format!("Service.{key}"));
    let capabilities = match sandbox.capability_bounding_set.value() {
        None => is_root,
        Some(set) => set.starts_with('~') || set.contains("CAP_SYS_ADMIN"),
    };
    let missing: [(u32, bool); 20] = [
        (6, is_root),
        (5, capabilities),
        (4, !sandbox.no_new_privileges),
        (4, sandbox.protect_system == "no"),
        (2, !matches!(sandbox.protect_system.as_str(), "strict" | "full")),
        (2, sandbox.protect_home == "no"),
        (2, !sandbox.private_tmp),
        (2, !sandbox.private_devices),
        (2, !is("ProtectKernelTunables")),
        (2, !is("ProtectKernelModules")),
        (1, !is("ProtectKernelLogs")),
        (1, !is("ProtectControlGroups")),
        (1, !is("ProtectClock")),
        (1, !is("ProtectHostname")),
        (2, !sandbox.restrict_namespaces),
        (1, sandbox.restrict_address_families.value().is_none()),
        (3, sandbox.system_call_filter.value().is_none()),
        (2, !sandbox.memory_deny_write_execute),
        (1, !is("RestrictSUIDSGID")),
        (1, !is("LockPersonality")),
    ];
    let all: u32 = missing.iter().map(|(weight, _)| weight).sum();
    let open: u32 = missing.iter().filter(|(_, missing)| *missing).map(|(weight, _)| weight).sum();
    (f64::from(open) * 100.0 / f64::from(all)).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(text: &str, user: &str) -> Sandbox {
        let mut unit = UnitFile::default();
        unit.add(text);
        read(&unit, user)
    }

    #[test]
    fn a_service_without_settings_is_fully_exposed() {
        assert_eq!(sandbox("[Service]\nExecStart=/bin/x\n", "root").exposure.to_string(), "10");
    }

    #[test]
    fn every_setting_counts() {
        let fenced = sandbox(
            "[Service]\nNoNewPrivileges=yes\nProtectSystem=strict\nProtectHome=yes\nPrivateTmp=yes\nPrivateDevices=yes\n\
             ProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectKernelLogs=yes\nProtectControlGroups=yes\n\
             ProtectClock=yes\nProtectHostname=yes\nRestrictNamespaces=yes\nRestrictAddressFamilies=AF_UNIX\n\
             SystemCallFilter=@system-service\nMemoryDenyWriteExecute=yes\nRestrictSUIDSGID=yes\nLockPersonality=yes\n\
             CapabilityBoundingSet=\n",
            "web",
        );
        assert_eq!(fenced.exposure.to_string(), "0");
        assert!(fenced.protect_kernel && fenced.no_new_privileges);
        let by_user = sandbox("[Service]\nDynamicUser=yes\n", "dynamic");
        assert!(by_user.exposure < 10.0 && by_user.no_new_privileges && by_user.protect_system == "strict");
    }
}
