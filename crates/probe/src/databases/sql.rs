//! PostgreSQL, MariaDB and MySQL.

use host::Door;
use model::Fact;
use model::facts::databases::{DatabaseServer, Listens};

use super::lines::{Includes, Read};
use super::{listens, server, told};

/// Clusters of PostgreSQL that are read.
const MAX_CLUSTERS: usize = 50;

const POSTGRESQL: Includes =
    Includes { file: &["include", "include_if_exists"], folder: &["include_dir"], suffix: ".conf" };

/// Every cluster. What `ALTER SYSTEM` wrote into the data folder wins over all files.
pub(super) fn postgresql(door: &Door) -> Vec<Fact<DatabaseServer>> {
    let mut found = Read::default();
    let mut mains = found.expand(door, "/etc/postgresql/*/*/postgresql.conf");
    mains.extend(found.expand(door, "/var/lib/pgsql/data/postgresql.conf"));
    let clusters = mains.iter().take(MAX_CLUSTERS).map(|main| {
        let above = main.trim_end_matches("/postgresql.conf");
        let name = above.strip_prefix("/etc/postgresql/").unwrap_or("data");
        let mut read = Read::default();
        read.file(door, main, &POSTGRESQL, 0);
        let data = read.last(&[""], "data_directory").map_or_else(|| above.to_owned(), |s| s.value.clone());
        read.file(door, &format!("{data}/postgresql.auto.conf"), &POSTGRESQL, 0);
        let setting = read.last(&[""], "listen_addresses");
        let address = setting.map_or("localhost", |setting| setting.value.as_str());
        let listens = if address.is_empty() { Vec::new() } else { vec![listens(address, setting)] };
        told(DatabaseServer { listens, ..server(&format!("postgresql {name}"), "postgresql", main) }, &read)
    });
    clusters.chain(found.unread.map(Fact::unreadable)).collect()
}

const MARIADB: Includes = Includes { file: &["!include"], folder: &["!includedir"], suffix: ".cnf" };

/// Sections that the server reads.
const SECTIONS: [&str; 5] = ["mysqld", "mariadb", "mariadbd", "server", "mysqld_safe"];

/// MariaDB or MySQL, when the server is installed: its configuration is there with the client alone.
pub(super) fn mariadb(door: &Door) -> Option<Fact<DatabaseServer>> {
    ["/usr/sbin/mariadbd", "/usr/sbin/mysqld", "/usr/libexec/mariadbd", "/usr/libexec/mysqld"]
        .iter()
        .find(|program| door.exists(program))?;
    let main = ["/etc/mysql/my.cnf", "/etc/my.cnf"].into_iter().find(|main| door.exists(main))?;
    let mut read = Read::default();
    read.file(door, main, &MARIADB, 0);
    let off = read.settings.iter().any(|s| {
        s.key == "skip_networking"
            && SECTIONS.contains(&s.section.as_str())
            && s.value != "0"
            && s.value != "OFF"
    });
    let setting = read.last(&SECTIONS, "bind_address");
    let places: Vec<Listens> =
        if off { Vec::new() } else { vec![listens(setting.map_or("*", |s| s.value.as_str()), setting)] };
    let server = DatabaseServer {
        listens: places,
        drop_ins: Fact::from_option(read.folders.last().cloned()),
        ..server("mariadb", "mariadb", main)
    };
    Some(told(server, &read))
}
