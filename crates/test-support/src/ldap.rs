//! A real directory: `slapd` with a configuration, people and ports of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::ports::{Server, free_port, until_listening};

/// A running directory below `dc=plant,dc=example`, ended when dropped.
///
/// `cn=palisade` (password `made-up service password`) reads; `uid=ada,ou=people` (`made-up ada password`) is in the group
/// `cn=Operators,ou=groups`, `uid=grace,ou=people` (`made-up grace password`) in none. Both share the mail address
/// `desk@plant.example`.
#[derive(Debug)]
pub struct Slapd {
    server: Server,
    tls_port: u16,
    _directory: TempDir,
}

const CONFIG: &str = "\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {dir}/pid
{tls}
database mdb
maxsize 10485760
suffix \"dc=plant,dc=example\"
directory {dir}/db
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact=\"cn=palisade,dc=plant,dc=example\" read by * none
";

const PEOPLE: &str = "\
dn: dc=plant,dc=example
objectClass: dcObject
objectClass: organization
dc: plant
o: Plant

dn: cn=palisade,dc=plant,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: palisade
userPassword: made-up service password

dn: ou=people,dc=plant,dc=example
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,dc=plant,dc=example
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
mail: ada@plant.example
mail: desk@plant.example
memberOf: cn=Operators,ou=groups,dc=plant,dc=example
userPassword: made-up ada password

dn: uid=grace,ou=people,dc=plant,dc=example
objectClass: inetOrgPerson
uid: grace
cn: Grace Hopper
sn: Hopper
mail: desk@plant.example
userPassword: made-up grace password

dn: ou=groups,dc=plant,dc=example
objectClass: organizationalUnit
ou: groups

dn: cn=Operators,ou=groups,dc=plant,dc=example
objectClass: groupOfNames
cn: Operators
member: uid=ada,ou=people,dc=plant,dc=example
";

impl Slapd {
    /// Starts it; without a certificate it speaks no TLS.
    pub fn start(certificate: Option<&Certificate>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        fs::create_dir(dir.join("db")).unwrap();
        let tls = certificate.map_or_else(String::new, |made| {
            format!(
                "TLSCertificateFile {}\nTLSCertificateKeyFile {}",
                made.certificate.display(),
                made.key.display()
            )
        });
        let config = CONFIG.replace("{dir}", &dir.display().to_string()).replace("{tls}", &tls);
        let (file, people) = (dir.join("slapd.conf"), dir.join("people.ldif"));
        fs::write(&file, config).unwrap();
        fs::write(&people, PEOPLE).unwrap();
        load(&file, &people);
        let (port, tls_port) = (free_port(), free_port());
        let mut places = format!("ldap://127.0.0.1:{port}/");
        if certificate.is_some() {
            places.push_str(&format!(" ldaps://127.0.0.1:{tls_port}/"));
        }
        // With a level of debugging, even none, it stays in the foreground.
        let args = ["-d", "0", "-f", &file.display().to_string(), "-h", &places];
        let server = Server::start("/usr/sbin/slapd", &args, port);
        if certificate.is_some() {
            until_listening((std::net::Ipv4Addr::LOCALHOST, tls_port).into());
        }
        Self { server, tls_port, _directory: directory }
    }

    /// The port that speaks plain LDAP until StartTLS.
    pub fn port(&self) -> u16 {
        self.server.address.port()
    }

    /// The port that speaks TLS from the beginning.
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }
}

fn load(config: &Path, people: &Path) {
    let output = Command::new("/usr/sbin/slapadd")
        .arg("-f")
        .arg(config)
        .arg("-l")
        .arg(people)
        .output()
        .unwrap_or_else(|error| panic!("slapadd cannot be started: {error}; see `cargo xtask setup`"));
    assert!(output.status.success(), "slapadd: {}", String::from_utf8_lossy(&output.stderr));
}
