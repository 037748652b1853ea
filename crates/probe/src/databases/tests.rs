//! Configurations of made-up databases and brokers.

use test_support::Machine;

use super::*;

/// `name: local, addresses with their places`.
fn told(machine: Machine) -> Vec<String> {
    let (door, _tree) = machine.door();
    let servers = probe(&Context::new(door)).value().cloned().unwrap_or_default().servers;
    servers
        .iter()
        .map(|server| {
            let server = match server {
                Fact::Known(server, _) => server,
                Fact::Absent => return "absent".to_owned(),
                Fact::Unreadable(why) => return format!("unreadable: {why}"),
            };
            let places: Vec<String> = server
                .listens
                .iter()
                .map(|l| format!("{}{} at {}", l.address, if l.tls { " tls" } else { "" }, l.source))
                .collect();
            format!("{}: {} {}", server.name, server.local, places.join(", "))
        })
        .collect()
}

#[test]
fn what_is_not_installed_is_absent() {
    let (door, _tree) = Machine::new().file("/etc/mysql/my.cnf", "[client]\n").door();
    assert!(probe(&Context::new(door)).is_absent());
}

#[test]
fn the_setting_that_wins_is_told() {
    for (machine, expected) in [
        (
            Machine::new().file("/etc/redis/redis.conf", "bind 127.0.0.1 -::1\n"),
            "redis: true 127.0.0.1 -::1 at /etc/redis/redis.conf:1",
        ),
        (
            Machine::new().file("/etc/redis/redis.conf", "bind * -::*\n"),
            "redis: false * -::* at /etc/redis/redis.conf:1",
        ),
        (Machine::new().file("/etc/redis/redis.conf", "port 6379\n"), "redis: false * at default"),
        (Machine::new().file("/etc/redis/redis.conf", "port 0\nunixsocket /run/r.sock\n"), "redis: true "),
        (
            Machine::new().file(
                "/etc/postgresql/15/main/postgresql.conf",
                "listen_addresses = '*' # all\nlisten_addresses=''\n",
            ),
            "postgresql 15/main: true ",
        ),
        (
            Machine::new().file("/etc/postgresql/15/main/postgresql.conf", "#listen_addresses = '*'\n"),
            "postgresql 15/main: true localhost at default",
        ),
        (
            Machine::new()
                .file("/etc/postgresql/15/main/postgresql.conf", "data_directory='/d'\ninclude_dir 'conf.d'\n")
                .file("/etc/postgresql/15/main/conf.d/a.conf", "LISTEN_ADDRESSES = 'localhost, 10.0.0.5'\n"),
            "postgresql 15/main: false localhost, 10.0.0.5 at /etc/postgresql/15/main/conf.d/a.conf:1",
        ),
        (
            Machine::new()
                .file("/usr/sbin/mariadbd", "")
                .file("/etc/mysql/my.cnf", "[mysqld]\nskip-networking\nbind-address=0.0.0.0\n"),
            "mariadb: true ",
        ),
        (
            Machine::new()
                .file("/usr/sbin/mysqld", "")
                .file("/etc/my.cnf", "[client]\nbind-address=127.0.0.1\n"),
            "mariadb: false * at default",
        ),
        (
            Machine::new().file(
                "/etc/mosquitto/mosquitto.conf",
                "port 1883\nbind_address 127.0.0.1\nlistener 8883 ::\ncertfile /a\nlistener 0 /run/m.sock\n",
            ),
            "mosquitto: false 127.0.0.1 at /etc/mosquitto/mosquitto.conf:1, :: tls at /etc/mosquitto/mosquitto.conf:3",
        ),
        (Machine::new().file("/etc/mosquitto/mosquitto.conf", ""), "mosquitto: true "),
    ] {
        assert_eq!(told(machine), [expected]);
    }
}

#[test]
fn files_that_include_themselves_come_to_an_end() {
    let machine =
        Machine::new().file("/etc/redis/redis.conf", "include /etc/redis/redis.conf\nbind 127.0.0.1\n");
    assert_eq!(told(machine), ["redis: true 127.0.0.1 at /etc/redis/redis.conf:2"]);
}

#[test]
fn a_server_whose_files_cannot_be_read_is_unreadable_and_no_default_is_assumed() {
    let loops = |path: &str| Machine::new().link(path, path);
    for machine in [
        loops("/etc/redis/redis.conf"),
        loops("/etc/mosquitto/mosquitto.conf"),
        loops("/etc/mosquitto/conf.d")
            .file("/etc/mosquitto/mosquitto.conf", "include_dir /etc/mosquitto/conf.d\n"),
        loops("/etc/my.cnf").file("/usr/sbin/mysqld", ""),
        loops("/etc/postgresql/15/main/postgresql.conf"),
        loops("/etc/postgresql"),
        loops("/d/postgresql.auto.conf")
            .file("/etc/postgresql/15/main/postgresql.conf", "data_directory='/d'\nlisten_addresses=''\n"),
    ] {
        let told = told(machine);
        assert!(told.len() == 1 && told[0].starts_with("unreadable: "), "{told:?}");
    }
}
