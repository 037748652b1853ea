//! Capabilities of Linux by name.

/// By number, as `capabilities(7)` counts them.
const NAMES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What a container gets from the engine when it says nothing.
const DEFAULT: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SYS_CHROOT",
    "MKNOD",
    "AUDIT_WRITE",
    "SETFCAP",
];

/// Upper case and without `CAP_`, as the engine takes them in any form.
pub(super) fn normalised(names: Vec<String>) -> Vec<String> {
    names
        .into_iter()
        .map(|name| {
            let name = name.to_ascii_uppercase();
            name.strip_prefix("CAP_").map(str::to_owned).unwrap_or(name)
        })
        .collect()
}

/// What a container is given in the end.
pub(super) fn granted(privileged: bool, add: &[String], drop: &[String]) -> Vec<String> {
    if privileged {
        return NAMES.iter().map(|&name| name.to_owned()).collect();
    }
    let listed = |list: &[String], name: &str| list.iter().any(|item| item == name);
    let base = |name: &str| {
        if listed(add, "ALL") {
            !listed(drop, name)
        } else {
            DEFAULT.contains(&name) && !listed(drop, name) && !listed(drop, "ALL")
        }
    };
    NAMES.iter().filter(|name| listed(add, name) || base(name)).map(|&name| name.to_owned()).collect()
}

/// Those that the engine does not give by default.
pub(super) fn beyond_default(granted: &[String]) -> Vec<String> {
    granted.iter().filter(|name| !DEFAULT.contains(&name.as_str())).cloned().collect()
}

/// The names in a mask as /proc/PID/status writes it.
pub(super) fn in_mask(hexadecimal: &str) -> Option<Vec<String>> {
    let mask = u64::from_str_radix(hexadecimal.trim(), 16).ok()?;
    Some(
        NAMES
            .iter()
            .enumerate()
            .filter(|(number, _)| mask >> number & 1 == 1)
            .map(|(_, &name)| name.to_owned())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        normalised(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn added_and_dropped_capabilities_make_the_set_that_is_granted() {
        assert_eq!(granted(false, &[], &[]), DEFAULT);
        assert_eq!(granted(false, &list(&["CAP_NET_ADMIN"]), &list(&["all"])), ["NET_ADMIN"]);
        assert_eq!(granted(true, &[], &list(&["ALL"])).len(), NAMES.len());
        let all_but_one = granted(false, &list(&["ALL"]), &list(&["SYS_ADMIN"]));
        assert_eq!(all_but_one.len(), NAMES.len() - 1);
        assert!(beyond_default(&granted(false, &[], &[])).is_empty());
        assert_eq!(beyond_default(&granted(false, &list(&["sys_time"]), &[])), ["SYS_TIME"]);
    }

    #[test]
    fn masks_of_the_kernel_are_read() {
        assert_eq!(in_mask("0000000000000401").unwrap(), ["CHOWN", "NET_BIND_SERVICE"]);
        assert_eq!(in_mask("00000000a80425fb").unwrap(), DEFAULT);
        assert_eq!(in_mask("xyz"), None);
    }
}
