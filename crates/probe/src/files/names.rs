//! What the name and place of a file say about it. Pure: bytes in, judgement out.

/// What a name promises; the first bytes decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Candidate {
    /// A private key: `*.key`, `id_*`, `ssh_host_*_key`.
    Key,
    /// A certificate, a key, or both: `*.pem`.
    Pem,
    /// A certificate: `*.crt`, `*.cer`, `*.der`, `*.cert`.
    Certificate,
    /// A keystore: `*.p12`, `*.jks`, ...
    Keystore,
    /// Environment variables of a service: `.env`, `*.env`.
    Environment,
    /// Passwords or tokens of a program: `.pgpass`, `.netrc`, kubeconfig, ...
    Credentials,
}

/// Directories of software, in which keys and certificates are test data or trust anchors of libraries.
const SOFTWARE: &[&str] = &[
    "node_modules",
    "site-packages",
    "dist-packages",
    ".cargo",
    ".rustup",
    ".npm",
    ".cache",
    ".git",
    ".m2",
    ".gradle",
    ".pyenv",
    ".nvm",
    ".rbenv",
    "testdata",
    "vendor",
];

/// Places of the distribution's own files.
const DISTRIBUTION: &[&str] = &[
    "/usr/share/",
    "/usr/lib/",
    "/usr/lib64/",
    "/usr/include/",
    "/usr/src/",
    "/usr/local/lib/python",
    "/lib/",
    "/etc/ssl/certs/",
    "/etc/ca-certificates/",
    "/etc/pki/ca-trust/",
    "/etc/pki/tls/certs/ca-",
    "/etc/alternatives/",
    "/var/lib/ca-certificates/",
    "/var/lib/dpkg/",
    "/var/lib/dkms/",
    "/snap/",
];

/// What the name promises; none for ordinary files and for those of software and the distribution.
pub(crate) fn candidate(directory: &[u8], name: &[u8]) -> Option<Candidate> {
    let found = by_name(directory, name)?;
    let of_distribution = DISTRIBUTION.iter().any(|place| below(directory, place));
    let of_software = directory
        .split(|byte| *byte == b'/')
        .any(|component| SOFTWARE.iter().any(|software| software.as_bytes() == component));
    (!of_distribution && !of_software).then_some(found)
}

fn by_name(directory: &[u8], name: &[u8]) -> Option<Candidate> {
    match name {
        b".env" => return Some(Candidate::Environment),
        b".pgpass"
        | b".netrc"
        | b".git-credentials"
        | b".my.cnf"
        | b".mylogin.cnf"
        | b".htpasswd"
        | b".vault-token"
        | b".dockercfg"
        | b".npmrc"
        | b".pypirc"
        | b"kubeconfig"
        | b".s3cfg"
        | b".boto"
        | b".smbcredentials"
        | b"wpa_supplicant.conf" => return Some(Candidate::Credentials),
        b"config" if directory.ends_with(b"/.kube") => return Some(Candidate::Credentials),
        b"config.json" if directory.ends_with(b"/.docker") => return Some(Candidate::Credentials),
        b"credentials" if directory.ends_with(b"/.aws") => return Some(Candidate::Credentials),
        b"credentials" if directory.ends_with(b"/.cargo") => return Some(Candidate::Credentials),
        _ => {}
    }
    if name.starts_with(b"id_") && !name.contains(&b'.') && directory.ends_with(b"/.ssh") {
        return Some(Candidate::Key);
    }
    if name.starts_with(b"ssh_host_") && name.ends_with(b"_key") {
        return Some(Candidate::Key);
    }
    match extension(name)?.to_ascii_lowercase().as_slice() {
        b"key" | b"ppk" => Some(Candidate::Key),
        b"pem" => Some(Candidate::Pem),
        b"crt" | b"cer" | b"der" | b"cert" => Some(Candidate::Certificate),
        b"p12" | b"pfx" | b"jks" | b"jceks" | b"keystore" | b"truststore" | b"bcfks" => {
            Some(Candidate::Keystore)
        }
        b"env" => Some(Candidate::Environment),
        b"kubeconfig" | b"kdbx" => Some(Candidate::Credentials),
        _ => None,
    }
}

/// What follows the last dot, when something stands before it.
pub(crate) fn extension(name: &[u8]) -> Option<&[u8]> {
    // Longer endings mean nothing here, and looking for them would cost time on every file.
    let tail = name.get(name.len().saturating_sub(12)..)?;
    let dot = tail.iter().rposition(|byte| *byte == b'.')?;
    if dot == 0 && tail.len() == name.len() { None } else { tail.get(dot + 1..) }
}

/// Whether a directory is `place` or stands below it; `place` may end in a slash or in the beginning of a name.
pub(crate) fn below(directory: &[u8], place: &str) -> bool {
    let place = place.as_bytes();
    directory.starts_with(place) || place.strip_suffix(b"/").is_some_and(|place| place == directory)
}

/// Directories that web servers hand out: fixed places, and names that frameworks use.
const WEB_ROOTS: &[&str] =
    &["/var/www/", "/srv/www/", "/srv/http/", "/usr/share/nginx/html/", "/usr/share/nginx/www/"];
const WEB_NAMES: &[&str] = &["htdocs", "public_html", "wwwroot", "webapps"];

/// Whether a directory stands below one that web servers hand out.
pub(crate) fn is_in_web_root(directory: &[u8]) -> bool {
    WEB_ROOTS.iter().any(|root| below(directory, root))
        || directory
            .split(|byte| *byte == b'/')
            .any(|component| WEB_NAMES.iter().any(|name| name.as_bytes() == component))
}

/// Where leftovers of work on a running system matter.
const WORKED_ON: &[&str] = &["/etc/", "/opt/", "/srv/", "/data/", "/usr/local/", "/var/www/"];

/// Copies that Debian's own tools make and compare with.
const OF_TOOLS: &[&str] = &["passwd-", "group-", "shadow-", "gshadow-", "subuid-", "subgid-"];

/// Whether a directory is one in which leftovers are looked for.
pub(crate) fn is_worked_on(directory: &[u8]) -> bool {
    WORKED_ON.iter().any(|place| below(directory, place)) || is_in_web_root(directory)
}

/// The kind of leftover that a regular file is; judged only where [`is_worked_on`].
pub(crate) fn leftover(directory: &[u8], name: &[u8]) -> Option<&'static str> {
    if OF_TOOLS.iter().any(|kept| kept.as_bytes() == name) {
        return None;
    }
    let in_web_root = is_in_web_root(directory);
    if name.len() > 1 && name.ends_with(b"~") {
        return Some("backup");
    }
    match extension(name).map(<[u8]>::to_ascii_lowercase).as_deref() {
        Some(b"bak" | b"old" | b"orig" | b"save" | b"rpmsave" | b"dpkg-old" | b"ucf-old" | b"backup") => {
            return Some("backup");
        }
        Some(b"swp" | b"swo") => return Some("editor"),
        Some(b"sql" | b"dump" | b"sqlite" | b"db") if in_web_root => return Some("dump"),
        Some(b"zip" | b"tar" | b"tgz" | b"gz" | b"bz2" | b"xz" | b"7z" | b"rar") if in_web_root => {
            return Some("archive");
        }
        _ => {}
    }
    let sample: &[&[u8]] = &[
        b"phpinfo.php",
        b"info.php",
        b"test.php",
        b"index.nginx-debian.html",
        b"adminer.php",
        b"web.config.txt",
        b".DS_Store",
    ];
    (in_web_root && sample.contains(&name)).then_some("sample")
}

/// The kind of leftover that a directory is.
pub(crate) fn leftover_directory(parent: &[u8], name: &[u8]) -> Option<&'static str> {
    match name {
        b".git" | b".svn" | b".hg" | b".bzr" | b"CVS" if is_worked_on(parent) => Some("repository"),
        // Tomcat's own applications, which every scanner looks for.
        b"examples" | b"docs" | b"host-manager" | b"manager" if parent.ends_with(b"/webapps") => Some("sample"),
        _ => None,
    }
}

/// Whether a file configures a deployed service.
pub(crate) fn is_deployment_file(directory: &[u8], name: &[u8]) -> bool {
    let places = ["/opt/", "/srv/", "/data/", "/etc/", "/home/", "/root/", "/var/lib/nerve"];
    let named = matches!(
        name,
        b"docker-compose.yml"
            | b"docker-compose.yaml"
            | b"compose.yml"
            | b"compose.yaml"
            | b"docker-compose.override.yml"
            | b"application.properties"
            | b"application.yml"
            | b"application.yaml"
            | b".env"
    ) || (name.starts_with(b"application-")
        && (name.ends_with(b".properties") || name.ends_with(b".yml")))
        || (name.starts_with(b"docker-compose") && name.ends_with(b".yml"));
    named && places.iter().any(|place| below(directory, place))
}

/// Directories that hold backups by their name or place.
pub(crate) fn is_backup_directory(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // First, because it settles nearly every directory.
    if !matches!(name, b"backup" | b"backups" | b"Backup" | b"Backups" | b"dumps" | b"restic-repo" | b"borg") {
        return false;
    }
    let places = ["/var/", "/srv/", "/opt/", "/data/", "/home/", "/root/", "/mnt/", "/media/"];
    let top = path.iter().filter(|byte| **byte == b'/').count() == 1;
    let of_software = path
        .split(|byte| *byte == b'/')
        .any(|component| SOFTWARE.iter().any(|software| software.as_bytes() == component));
    !of_software && (top || places.iter().any(|place| below(path, place)))
}

/// Whether a path lies in the layers of a container, wherever the engine keeps them.
pub(crate) fn is_in_layer(path: &[u8]) -> bool {
    let mut components = path.split(|byte| *byte == b'/');
    let storage = components.any(|part| matches!(part, b"overlay2" | b"overlay" | b"snapshots" | b"vfs"));
    storage && components.nth(1).is_some_and(|part| matches!(part, b"diff" | b"fs" | b"merged" | b"work"))
}

/// Whether a name is that of a memory image the kernel or a crash handler wrote.
pub(crate) fn is_core_dump(directory: &[u8], name: &[u8]) -> bool {
    let numbered =
        name.strip_prefix(b"core.").is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit));
    let by_systemd = directory == b"/var/lib/systemd/coredump" && name.starts_with(b"core.");
    let by_apport = directory == b"/var/crash" && name.ends_with(b".crash");
    (numbered && !below(directory, "/proc/")) || by_systemd || by_apport
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_promise_what_their_place_allows() {
        let cases: &[(&str, &str, Option<Candidate>)] = &[
            ("/etc/nginx", "site.key", Some(Candidate::Key)),
            ("/etc/nginx", "SITE.PEM", Some(Candidate::Pem)),
            ("/home/a/.ssh", "id_ed25519", Some(Candidate::Key)),
            ("/home/a/.ssh", "id_ed25519.pub", None),
            ("/home/a", "id_card", None),
            ("/etc/ssh", "ssh_host_rsa_key", Some(Candidate::Key)),
            ("/opt/app", ".env", Some(Candidate::Environment)),
            ("/opt/app", "prod.env", Some(Candidate::Environment)),
            ("/home/a/.kube", "config", Some(Candidate::Credentials)),
            ("/home/a", "config", None),
            ("/etc/ssl/certs", "ca-certificates.crt", None),
            ("/usr/share/doc/x", "test.key", None),
            ("/opt/app/node_modules/x", "test.key", None),
            ("/opt/app", "store.p12", Some(Candidate::Keystore)),
            ("/opt/app", "", None),
            ("/opt/app", ".", None),
            ("/opt/app", ".key", None),
        ];
        for (directory, name, expected) in cases {
            assert_eq!(candidate(directory.as_bytes(), name.as_bytes()), *expected, "{directory}/{name}");
        }
    }

    #[test]
    fn leftovers_are_judged_by_place() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("/etc/nginx", "nginx.conf.bak", Some("backup")),
            ("/etc/nginx", ".nginx.conf.swp", Some("editor")),
            ("/etc/nginx", "notes~", Some("backup")),
            ("/etc", "shadow-", None),
            ("/var/www/html", "site.zip", Some("archive")),
            ("/opt/app", "site.zip", None),
            ("/opt/app/htdocs", "phpinfo.php", Some("sample")),
            ("/etc/app", "phpinfo.php", None),
        ];
        for (directory, name, expected) in cases {
            assert_eq!(leftover(directory.as_bytes(), name.as_bytes()), *expected, "{directory}/{name}");
        }
        assert_eq!(leftover_directory(b"/var/www/html", b".git"), Some("repository"));
        assert_eq!(leftover_directory(b"/home/a/work", b".git"), None);
        assert_eq!(leftover_directory(b"/var/lib/tomcat9/webapps", b"examples"), Some("sample"));
    }

    #[test]
    fn layers_are_known_wherever_they_are_kept() {
        assert!(is_in_layer(b"/data/dk/overlay2/0123-init/diff/etc"));
        assert!(is_in_layer(b"/x/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs/bin"));
        assert!(!is_in_layer(b"/data/overlay2"));
        assert!(!is_in_layer(b"/data/snapshots/2026/photos"));
    }

    #[test]
    fn backup_directories_are_known_by_name_in_places_for_data() {
        assert!(is_backup_directory(b"/var/backups"));
        assert!(is_backup_directory(b"/backup"));
        assert!(is_backup_directory(b"/srv/app/backup"));
        assert!(!is_backup_directory(b"/usr/lib/app/backup"));
        assert!(!is_backup_directory(b"/opt/x/node_modules/backup"));
    }
}
