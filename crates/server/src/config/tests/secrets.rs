//! Secrets: files that hold them, and the password within a URL.

use std::os::unix::fs::PermissionsExt as _;

use secrecy::ExposeSecret as _;

use super::*;

#[test]
fn a_database_is_asked_for_its_certificate_and_its_password_is_starred() {
    let url = |text: &str| {
        let environment = [("PALISADE_DATABASE_URL", text)];
        match read_with("", &environment) {
            Ok((config, effective)) => {
                let setting = effective.setting("database.url").unwrap();
                let danger = setting.danger.as_ref().map_or("safe", |danger| &danger.reason);
                let target = match config.database() {
                    Database::Postgres(url) => url.expose_secret().to_owned(),
                    Database::Sqlite(path) => path.display().to_string(),
                };
                assert!(!format!("{config:?}").contains("hunter2"), "{config:?}");
                format!("{target}\n  {}\n  {danger}", setting.text().unwrap())
            }
            Err(problems) => {
                assert!(!told(&problems).contains("hunter2"), "{}", told(&problems));
                problems
                    .iter()
                    .map(|problem| format!("refused: {}", problem.what))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
        }
    };
    let urls = [
        "postgres://palisade:hunter2@db.example:5433/palisade",
        "postgres://palisade:hunter2@db.example/palisade?sslmode=require",
        "postgresql://palisade:hunter2@db.example/p?sslmode=verify-ca&sslrootcert=/etc/ca.pem",
        "postgres://palisade:hunter2@127.0.0.1/palisade",
        "postgres://palisade:hunter2@[::1]/palisade?sslmode=disable",
        "postgres://palisade@localhost/palisade?host=10.0.0.1",
        "postgres:///palisade?host=/run/postgresql",
        "postgres:///palisade",
        "postgres://palisade@db.example/palisade?password=hunter2",
        "postgres://palisade:hunter2@db.example/palisade?sslmod=require",
        "postgres://palisade:hunter2@db.example/palisade?sslmode=no",
        "postgres://palisade:hunter2@db.example:port/palisade",
        "mysql://palisade:hunter2@db.example/palisade",
        "palisade:hunter2@db.example",
        "sqlite:/srv/palisade.db",
        "sqlite:///srv/palisade.db",
        "sqlite::memory:",
        "sqlite:palisade.db",
    ];
    insta::assert_snapshot!(urls.map(url).join("\n"), @r#"
    postgres://palisade:hunter2@db.example:5433/palisade?sslmode=verify-full
      "postgres://palisade:***@db.example:5433/palisade?sslmode=verify-full"
      safe
    postgres://palisade:hunter2@db.example/palisade?sslmode=require
      "postgres://palisade:***@db.example/palisade?sslmode=require"
      sslmode is require: the certificate of the database is not checked: anybody on the way can be it
    postgresql://palisade:hunter2@db.example/p?sslmode=verify-ca&sslrootcert=/etc/ca.pem
      "postgresql://palisade:***@db.example/p?sslmode=verify-ca&sslrootcert=/etc/ca.pem"
      sslmode is verify-ca: any server with a certificate of that CA is taken for the database
    postgres://palisade:hunter2@127.0.0.1/palisade?sslmode=prefer
      "postgres://palisade:***@127.0.0.1/palisade?sslmode=prefer"
      safe
    postgres://palisade:hunter2@[::1]/palisade?sslmode=disable
      "postgres://palisade:***@[::1]/palisade?sslmode=disable"
      safe
    postgres://palisade@localhost/palisade?host=10.0.0.1&sslmode=verify-full
      "postgres://palisade@localhost/palisade?host=10.0.0.1&sslmode=verify-full"
      safe
    postgres:///palisade?host=/run/postgresql&sslmode=prefer
      "postgres:///palisade?host=/run/postgresql&sslmode=prefer"
      safe
    refused: database.url names no host
    refused: database.url has a password behind the `?`
    refused: database.url has an unknown parameter `sslmod`
    refused: database.url has sslmode=no, which does not exist
    refused: database.url is no URL: invalid port number
    refused: database.url names a database that Palisade does not speak to
    refused: database.url names a database that Palisade does not speak to
    /srv/palisade.db
      "sqlite:/srv/palisade.db"
      safe
    /srv/palisade.db
      "sqlite:/srv/palisade.db"
      safe
    refused: database.url is a database in memory, which forgets users and who is locked out
    refused: database.url is not the absolute path of a SQLite file
    "#);
}

#[test]
fn files_with_secrets_are_only_read_when_they_are_kept_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let read_mode = |text: &[u8], mode: u32| {
        let _gone = std::fs::remove_file(&path);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        match read_secret(&path) {
            Ok(secret) => secret.expose_secret().to_owned(),
            Err(error) => format!("{error}"),
        }
    };
    assert_eq!(read_mode(b"hunter2\n", 0o600), "hunter2");
    assert_eq!(read_mode(b"hunter2 \r\n", 0o400), "hunter2 ");
    assert_eq!(read_mode(b"a\nb\n", 0o600), "a\nb");
    assert_eq!(read_mode(b"hunter2", 0o604), "has mode 0604, so that others can read or change it");
    assert_eq!(read_mode(b"hunter2", 0o620), "has mode 0620, so that others can read or change it");
    let by_group = read_mode(b"hunter2", 0o640);
    match rustix::process::geteuid().is_root() {
        true => assert_eq!(by_group, "hunter2"),
        false => assert_eq!(by_group, "has mode 0640, so that others can read or change it"),
    }
    assert_eq!(read_mode(b"\n", 0o600), "is empty");
    assert_eq!(read_mode(b"\xff", 0o600), "is not UTF-8 text");
    assert_eq!(read_mode(&[b'a'; (64 << 10) + 1], 0o600), "is larger than 64 KiB");
    assert_eq!(read_secret(folder.path()).unwrap_err().to_string(), "is not a file");
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(read_secret(&pipe).unwrap_err().to_string(), "is not a file");

    read_mode(b"hunter2\nhunter3\n", 0o600);
    let config = folder.path().join("palisade.toml");
    let mail = "[mail]\nhost = \"mail.example\"\nfrom = \"palisade@example.com\"\nusername = \"palisade\"\n";
    let text = format!("{mail}password_file = \"{}\"\n", path.display());
    std::fs::write(&config, &text).unwrap();
    let load = |config: &Path| Config::load(Some(config), [], &Overrides::default());
    let problems = load(&config).unwrap_err();
    assert!(told(&problems).contains("which holds more than one line"), "{}", told(&problems));
    assert!(problems[0].file.ends_with("palisade.toml") && (problems[0].line, problems[0].column) == (5, 17));
    std::fs::write(&path, "hunter2\n").unwrap();
    let (loaded, effective) = load(&config).unwrap();
    assert_eq!(loaded.mail.password_file.as_ref().unwrap().secret().expose_secret(), "hunter2");
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert!(!serde_json::to_string(&effective).unwrap().contains("hunter2"));

    // The file itself: others may read it, which is named, and never write it.
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(load(&config).unwrap().1.file.unwrap().dangers.len(), 1);
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(load(&config).unwrap().1.file.unwrap().dangers, []);
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o660)).unwrap();
    assert!(told(&load(&config).unwrap_err()).contains("mode 0660: others can change what the server does"));
    assert!(told(&load(&folder.path().join("none")).unwrap_err()).contains("cannot be read"));
    assert!(told(&load(&pipe).unwrap_err()).contains("is not a file"));
}
