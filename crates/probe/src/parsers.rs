//! Parsers of what targets hold, for the fuzz targets: each takes any text and returns how much it found.

use std::io::{self, Cursor, Read, Write};
use std::time::Duration;

use crate::dpkg::Installed;
use crate::http::{Client, Limits};
use crate::updates::lists;

pub use crate::audit::{
    parse_settings as auditd_settings, parse_status as auditctl_status, rules as audit_rules,
};
pub use crate::certificates::{Parsed, parse as certificates};
pub use crate::docker::heard as docker;
pub use crate::endpoints::answer::{
    Answer as TlsAnswer, ServerHello, Until, answer as tls_answer, ticket_lifetime,
};
pub use crate::endpoints::detect::greeting;
pub use crate::endpoints::headers::{content_security_policy, cookie, transport_security, versions};
pub use crate::endpoints::html::{Page, scan as html};
pub use crate::endpoints::mqtt::packet::{Said as MqttSaid, said as mqtt};
pub use crate::endpoints::opcua::messages::{Answer as OpcUaAnswer, answer as opc_ua};
pub use crate::endpoints::ssh::keys::host_key as ssh_host_key;
pub use crate::endpoints::ssh::{greeting_line as ssh_greeting, kexinit as ssh_kexinit};
pub use crate::endpoints::ssl2::is_hello as ssl2_hello;
pub use crate::files::secrets::{Held, encrypted_whole, sniff};
pub use crate::firewall::{RuleSet, parse_iptables, parse_nft};
pub use crate::image::heard as image;
pub use crate::listeners::{Row, container_of_cgroup, proxied, rows, unit_of_cgroup};
pub use crate::logging::parsers as logging;
pub use crate::nerve::heard as nerve_answer;
pub use crate::nerve::map::entries as key_map;
pub use crate::net::{local_v4, local_v6, parse_sysctl, without_login};
pub use crate::packages::apk;
pub use crate::packages::apt::{deb822 as apt_sources, one_line as apt_list};
pub use crate::packages::unwanted::category as package_category;
pub use crate::schedule::gap as schedule;
pub use crate::service::parse as service_answer;
pub use crate::services::inetd::{inetd, xinetd};
pub use crate::services::parse_active as systemctl_list_units;
pub use crate::true_connector::keystores::open as keystore;
pub use crate::true_connector::properties::{environment as env_file, properties};
pub use crate::units::file::UnitFile;
pub use crate::web::{parse_apache, parse_nginx};
pub use host::mountinfo;

pub use crate::docker::{described as compose, instructions as dockerfile};
pub use crate::vms::definition as domain_xml;

/// The crontab of the system.
pub fn crontab(text: &str) -> usize {
    crate::schedule::cron::entries(text, "/etc/crontab", None).len()
}

/// `CODESYSControl.cfg`.
pub fn codesys(text: &str) -> usize {
    let mut found = crate::codesys::Found::default();
    found.file("/CODESYSControl.cfg", text);
    found.count()
}

/// `apt.conf`.
pub fn apt_conf(text: &str) -> usize {
    let mut conf = crate::apt_conf::AptConf::default();
    conf.parse(text, "apt.conf");
    conf.len()
}

/// `/etc/fstab`.
pub fn parse_fstab(text: &str) -> usize {
    crate::mounts::fstab(text).count()
}

/// `sshd_config`.
pub fn sshd_config(text: &str) -> usize {
    let directives = crate::ssh::parse_config(text);
    let criteria = directives.iter().filter(|directive| directive.keyword == "match");
    directives.len()
        + criteria.map(|directive| crate::ssh::parse_criteria(&directive.rest).len()).sum::<usize>()
}

/// Shell patterns: the first line against the others.
pub fn glob(text: &str) -> usize {
    let (pattern, names) = text.split_once('\n').unwrap_or((text, ""));
    names.lines().filter(|name| crate::ssh::glob_matches(pattern, name)).count()
}

/// `authorized_keys`.
pub fn authorized_keys(text: &str) -> usize {
    crate::ssh::parse_authorized_keys(text).count()
}

/// `sudoers`.
pub fn sudoers(text: &str) -> usize {
    crate::accounts::parse_sudoers(text).len()
}

/// `/etc/passwd`, `/etc/group` and `/etc/shadow`.
pub fn passwd(text: &str) -> usize {
    use crate::accounts::passwd;
    passwd::parse_passwd(text).len() + passwd::parse_group(text).len() + passwd::parse_shadow(text).len()
}

/// A file of `/etc/pam.d`.
pub fn pam(text: &str) -> usize {
    crate::accounts::parse_pam(text).len()
}

/// dpkg's status, and a list of apt: how many packages are installed, how many versions of them are offered.
///
/// # Errors
/// Why one of them is none.
pub fn packages(status: impl Read, list: impl Read) -> Result<(usize, usize), host::Error> {
    let installed = Installed::parse(status)?;
    let mut offered = 0;
    lists::offers(list, "list", &lists::by_name(&installed), |_, _| offered += 1)?;
    Ok((installed.all().count(), offered))
}

/// A server's answer to an HTTP request: its status, and the length of its body.
///
/// # Errors
/// Why it is none.
pub fn http_answer(bytes: &[u8], body_limit: usize) -> Result<(u16, usize), host::Error> {
    let bytes = bytes.to_vec();
    let limits = Limits { time: Duration::from_secs(5), body: body_limit };
    let client = Client::new("server", move |_| Ok(Box::new(Canned(Cursor::new(bytes.clone())))));
    let answer = client.get("http://server/", limits)?;
    Ok((answer.status, answer.body.len()))
}

/// A server that says the same whatever it is asked.
struct Canned(Cursor<Vec<u8>>);

impl Read for Canned {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Canned {
    fn write(&mut self, request: &[u8]) -> io::Result<usize> {
        Ok(request.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl host::Stream for Canned {
    fn set_limit(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}
