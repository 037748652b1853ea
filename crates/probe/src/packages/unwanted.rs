//! Packages that a production host seldom needs: names of Debian, Ubuntu, Fedora, Alpine and their kin, by category.

use model::facts::packages::UnwantedPackages;

/// A name; `*` stands for any text, `#` for a version: digits and dots.
type Pattern = &'static str;

/// Category and names. A package is listed under the first category that names it.
const TABLE: &[(Category, &[Pattern])] = &[
    (
        Category::InsecureServer,
        &[
            "telnetd",
            "telnetd-ssl",
            "inetutils-telnetd",
            "telnet-server",
            "rsh-server",
            "rsh-redone-server",
            "inetutils-rshd",
            "nis",
            "ypserv",
            "tftpd",
            "tftpd-hpa",
            "atftpd",
            "tftp-server",
            "fingerd",
            "talkd",
            "inetutils-inetd",
            "inetutils-ftpd",
            "openbsd-inetd",
            "xinetd",
            "rwhod",
            "rstatd",
            "vsftpd",
            "proftpd*",
            "pure-ftpd*",
            "ftpd",
            "ftpd-ssl",
        ],
    ),
    (
        Category::InsecureClient,
        &[
            "telnet",
            "inetutils-telnet",
            "telnet-ssl",
            "rsh-client",
            "rsh-redone-client",
            "talk",
            "inetutils-talk",
            "ftp",
            "inetutils-ftp",
            "tnftp",
            "lftp",
            "tftp",
            "tftp-hpa",
            "atftp",
            "ypbind",
            "yp-tools",
            "ldap-utils",
        ],
    ),
    (
        Category::WebServer,
        &[
            "apache2",
            "httpd",
            "nginx",
            "nginx-core",
            "nginx-light",
            "nginx-full",
            "nginx-extras",
            "lighttpd",
            "caddy",
            "haproxy",
            "php*-fpm",
            "libapache2-mod-*",
            "phpmyadmin",
            "boa",
            "thttpd",
        ],
    ),
    (
        Category::Database,
        &[
            "mysql-server*",
            "mariadb-server*",
            "postgresql",
            "postgresql-#",
            "mongodb*",
            "mongodb-org-server",
            "redis-server",
            "redis",
            "valkey-server",
            "memcached",
            "couchdb",
            "influxdb*",
            "elasticsearch",
            "opensearch",
        ],
    ),
    (
        Category::ApplicationServer,
        &["tomcat#", "jetty#", "wildfly", "uwsgi", "gunicorn", "passenger", "jenkins", "rabbitmq-server"],
    ),
    (
        Category::FileServer,
        &[
            "samba",
            "nfs-kernel-server",
            "nfs-utils",
            "nfs-ganesha",
            "rpcbind",
            "portmap",
            "rsync-daemon",
            "netatalk",
            "autofs",
            "glusterfs-server",
        ],
    ),
    (
        Category::NetworkServer,
        &[
            "bind9",
            "bind",
            "unbound",
            "dnsmasq",
            "isc-dhcp-server",
            "kea*",
            "slapd",
            "openldap-servers",
            "snmpd",
            "net-snmp",
            "squid",
            "avahi-daemon",
            "avahi",
            "cups",
            "cups-daemon",
            "cups-browsed",
            "mosquitto",
            "radvd",
            "quagga",
            "frr",
            "pppd",
            "xrdp",
            "vnc4server",
            "tigervnc-*-server",
            "x11vnc",
            "sane-utils",
        ],
    ),
    (
        Category::MailServer,
        &[
            "exim4-daemon-*",
            "postfix",
            "sendmail-bin",
            "sendmail",
            "dovecot-core",
            "dovecot",
            "courier-imap",
            "cyrus-imapd",
            "opensmtpd",
        ],
    ),
    (
        Category::Desktop,
        &[
            "xserver-xorg-core",
            "xserver-xorg",
            "xorg-x11-server-Xorg",
            "xwayland",
            "gdm3",
            "gdm",
            "lightdm",
            "sddm",
            "xdm",
            "gnome-shell",
            "gnome-session",
            "plasma-desktop",
            "kde-plasma-desktop",
            "xfce4-session",
            "lxde-core",
            "lxqt-session",
            "mate-session-manager",
            "cinnamon",
            "task-desktop",
            "firefox*",
            "chromium",
            "libreoffice-core",
            "bluez",
            "pulseaudio",
            "pipewire",
        ],
    ),
    (
        Category::Compiler,
        &[
            "gcc",
            "gcc-#",
            "g++",
            "g++-#",
            "clang",
            "clang-#",
            "make",
            "cmake",
            "build-essential",
            "golang-go",
            "golang-#-go",
            "rustc",
            "cargo",
            "default-jdk*",
            "openjdk-*-jdk*",
            "gfortran*",
            "nasm",
            "yasm",
            "tcc",
            "mono-mcs",
            "dpkg-dev",
            "build-base",
            "autoconf",
            "automake",
        ],
    ),
    (
        Category::Debugger,
        &[
            "gdb",
            "gdbserver",
            "lldb*",
            "strace",
            "ltrace",
            "valgrind",
            "bpftrace",
            "systemtap",
            "linux-perf*",
            "radare2",
            "delve",
        ],
    ),
    (
        Category::Sniffer,
        &[
            "tcpdump",
            "wireshark*",
            "tshark",
            "nmap",
            "ncat",
            "zmap",
            "masscan",
            "netcat-traditional",
            "netcat-openbsd",
            "nc",
            "ettercap*",
            "dsniff",
            "hping3",
            "aircrack-ng",
            "kismet",
            "hydra",
            "john",
            "hashcat",
            "sqlmap",
            "socat",
            "proxychains*",
            "scapy",
            "python3-scapy",
            "responder",
        ],
    ),
    (
        Category::Sample,
        &[
            "*-examples",
            "tomcat*-docs",
            "apache2-doc",
            "nginx-doc",
            "mysql-sandbox",
            "samba-doc",
            "postgresql-doc*",
        ],
    ),
];

/// The unwanted ones among `names`.
pub(crate) fn among<'a>(names: impl Iterator<Item = &'a str>) -> UnwantedPackages {
    let mut found = UnwantedPackages::default();
    for name in names {
        let Some(category) = category(name) else { continue };
        let list = match category {
            Category::InsecureServer => &mut found.insecure_servers,
            Category::InsecureClient => &mut found.insecure_clients,
            Category::WebServer => &mut found.web_servers,
            Category::Database => &mut found.databases,
            Category::ApplicationServer => &mut found.application_servers,
            Category::FileServer => &mut found.file_servers,
            Category::NetworkServer => &mut found.network_servers,
            Category::MailServer => &mut found.mail_servers,
            Category::Desktop => &mut found.desktops,
            Category::Compiler => &mut found.compilers,
            Category::Debugger => &mut found.debuggers,
            Category::Sniffer => &mut found.sniffers,
            Category::Sample => &mut found.samples,
        };
        // One package may be installed for several architectures.
        if list.last().is_none_or(|last| last != name) {
            list.push(name.to_owned());
        }
    }
    found
}

/// Why a package is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Category {
    InsecureServer,
    InsecureClient,
    WebServer,
    Database,
    ApplicationServer,
    FileServer,
    NetworkServer,
    MailServer,
    Desktop,
    Compiler,
    Debugger,
    Sniffer,
    Sample,
}

/// The category of a package; none when it is not unwanted.
pub fn category(name: &str) -> Option<Category> {
    TABLE
        .iter()
        .find(|(_, patterns)| patterns.iter().any(|pattern| matches(pattern, name)))
        .map(|(category, _)| *category)
}

/// `*` is any text; `#` is a version of digits and dots.
fn matches(pattern: &str, name: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix('#') {
        let after = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        return after.len() < name.len() && matches(rest, after);
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        return name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .any(|at| name.get(at..).is_some_and(|name| matches(rest, name)));
    }
    let mut pattern = pattern.chars();
    match pattern.next() {
        None => name.is_empty(),
        Some(first) => name.strip_prefix(first).is_some_and(|name| matches(pattern.as_str(), name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_fall_into_their_category() {
        for (name, expected) in [
            ("gcc-12", Some(Category::Compiler)),
            ("gcc-12-base", None),
            ("gcc", Some(Category::Compiler)),
            ("php8.2-fpm", Some(Category::WebServer)),
            ("telnet", Some(Category::InsecureClient)),
            ("telnetd", Some(Category::InsecureServer)),
            ("postgresql-15", Some(Category::Database)),
            ("postgresql-client-15", None),
            ("tomcat10", Some(Category::ApplicationServer)),
            ("tomcat10-docs", Some(Category::Sample)),
            ("golang-1.21-go", Some(Category::Compiler)),
            ("python3.11-examples", Some(Category::Sample)),
            ("bash", None),
            ("", None),
        ] {
            assert_eq!(category(name), expected, "{name}");
        }
    }
}
