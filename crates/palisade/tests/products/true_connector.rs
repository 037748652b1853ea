//! The folder of a TRUE Connector, laid out as its documentation says, with keystores that Java's own tool made.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use test_support::self_signed;

use crate::support::{Audited, audit};

/// As the project ships it, in what matters: its own words are not copied.
const SHIPPED_ENV: &str = "KEYSTORE_NAME=ssl-server.jks\nKEY_PASSWORD=changeit\nKEYSTORE_PASSWORD=changeit\n\
    TRUSTORE_PASSWORD=allpassword\nAES_SECRET_KEY=${AES_SECRET_KEY}\nPROVIDER_ECC_FIREWALL=true\nPROVIDER_PORT=8090\n\
    INTERNAL_REST_PORT=8449\nPROVIDER_DATA_APP_ENDPOINT=http://be-dataapp-provider:8083/data\nSERVER_SSL_ENABLED=true\n\
    PROVIDER_DAPS_KEYSTORE_NAME=\nPROVIDER_DAPS_KEYSTORE_PASSWORD=\nVALIDATE_SELF_DESCRIPTION=false\n";
const OWN_ENV: &str = "KEYSTORE_NAME=plant.p12\nKEY_PASSWORD=f3f1v9Lq0-key-own\nKEYSTORE_PASSWORD='f3f1v9Lq0-store-own'\n\
    TRUSTORE_PASSWORD=f3f1v9Lq0-trust-own # ours\nAES_SECRET_KEY=3f9Kq!vT0aZx7Lm2Rw8bYc5NdPe4\nPROVIDER_ECC_FIREWALL=true\n\
    PROVIDER_PORT=10.0.0.7:8090\nINTERNAL_REST_PORT=8449\nPROVIDER_DATA_APP_ENDPOINT=https://be-dataapp-provider:8083/data\n\
    SERVER_SSL_ENABLED=true\nPROVIDER_DAPS_KEYSTORE_NAME=daps.p12\nPROVIDER_DAPS_KEYSTORE_PASSWORD=f3f1v9Lq0-daps-own\n\
    VALIDATE_SELF_DESCRIPTION=true\n";
const COMPOSE: &str = "services:\n  ecc-provider:\n    image: rdlabengpa/ids_execution_core_container:VERSION\n    ports:\n      \
    - \"${PROVIDER_PORT}:${INTERNAL_REST_PORT}\"\n      - \"8889:8889\"\n    environment:\n      - \"SPRING_PROFILES_ACTIVE=docker\"\n      \
    - FIREWALL=${PROVIDER_ECC_FIREWALL}\n      - SERVER_SSL_ENABLED=${SERVER_SSL_ENABLED}\n      \
    - KEYSTORE_PASSWORD=${KEYSTORE_PASSWORD}\n    volumes:\n      - ./ecc_resources_provider:/config\n      - ./ecc_cert:/cert\n";

struct Connector(TempDir);

impl Connector {
    fn new(env: &str, version: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connector = Self(folder);
        connector.write(".env", env);
        connector.write("docker-compose.yml", &COMPOSE.replace("VERSION", version));
        connector
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn audit(&self) -> Audited {
        audit(&[&format!("true-connector:{}", self.path().display())])
    }

    /// A key and its certificate in a keystore, made by Java's own tool.
    fn keystore(&self, name: &str, form: &str, password: &str, alias: &str, days: &str, bits: &str) {
        std::fs::create_dir_all(self.path().join("ecc_cert")).unwrap();
        let path = self.path().join("ecc_cert").join(name);
        let made = Command::new("keytool")
            .args(["-genkeypair", "-keyalg", "RSA", "-keysize", bits, "-validity", days, "-alias", alias])
            .args(["-dname", "CN=plant", "-ext", "san=dns:ecc-provider", "-storetype", form])
            .args(["-storepass", password, "-keypass", password, "-keystore"])
            .arg(&path)
            .output()
            .expect("keytool; see `cargo xtask setup`");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    }
}

fn shipped() -> Connector {
    let connector = Connector::new(SHIPPED_ENV, "v1.14.8");
    connector.write(
        "ecc_resources_provider/application-docker.properties",
        "server.ssl.enabled=${SERVER_SSL_ENABLED}\nserver.ssl.key-store-password=${KEYSTORE_PASSWORD}\n\
         application.isEnabledDapsInteraction=false\napplication.user.lock.maxattempts=5\napplication.user.lock.duration=30\n\
         application.user.lock.unit=MINUTES\napplication.password.validator.min-length=8\n\
         application.password.validator.maxLength=16\nspring.h2.console.enabled=true\nspring.datasource.username=sa\n\
         spring.datasource.password=file_password password\napplication.firewall.isEnabled=${FIREWALL}\n\
         application.selfdescription.title=Data Provider Connector title\napplication.disableSslVerification=true\n",
    );
    connector.write(
        "ecc_resources_provider/firewall.properties",
        "allowedMethods=\nallowSemicolon=true\nallowBackSlash=true\n",
    );
    // The project's documentation publishes the passwords; these hashes of them were made for this test.
    let hash = |password: &str| bcrypt::hash(password, 5).unwrap();
    connector.write(
        "ecc_resources_provider/users.properties",
        &format!(
            "users.list=apiUser,alice\napiUser.password={}\nalice.password={}\n",
            hash("passwordApiUser"),
            hash("passwordAlice")
        ),
    );
    connector.write("be-dataapp_resources/config.properties", "server.ssl.key-password=changeit\n");
    connector.write(
        "be-dataapp_resources/application-docker.properties",
        "application.contract.negotiation.demo=true\napplication.verifyCheckSum=false\n",
    );
    connector.write(
        "uc-dataapp_resources_provider/application.properties",
        "http.port=9090\nspring.h2.console.enabled=true\n",
    );
    connector.keystore("ssl-server.jks", "JKS", "changeit", "execution-core-container", "1461", "2048");
    connector
}

fn own() -> Connector {
    let connector = Connector::new(OWN_ENV, "v1.14.10");
    // The file of all profiles says otherwise: that of the profile wins.
    connector.write(
        "ecc_resources_provider/application.properties",
        "spring.h2.console.enabled=true\napplication.isEnabledUsageControl=false\n",
    );
    connector.write(
        "ecc_resources_provider/application-docker.properties",
        "server.ssl.enabled=${SERVER_SSL_ENABLED}\nserver.ssl.key-store-password=${KEYSTORE_PASSWORD}\n\
         server.ssl.key-store-type=PKCS12\nserver.ssl.enabled-protocols=TLSv1.3\napplication.isEnabledDapsInteraction=true\n\
         application.extendedTokenValidation=true\napplication.OCSP_RevocationCheckValue=good\n\
         application.validateProtocol : true\napplication.enableProtocolValidation true\napplication.isEnabledUsageControl=true\n\
         application.clearinghouse.isEnabledClearingHouse=true\napplication.user.lock.maxattempts=5\n\
         application.user.lock.duration=30\napplication.user.lock.unit=MINUTES\napplication.password.validator.min-length=12\n\
         application.password.validator.max-length=64\napplication.password.validator.min-upper-case=1\n\
         application.password.validator.minLowerCase=1\napplication.password.validator.minDigit=1\n\
         application.password.validator.minSpecial=1\napplication.logging.auditableEvents=ALL\nspring.datasource.username=tc\n\
         spring.datasource.password=f3f1v9Lq0-file f3f1v9Lq0-user\nspring.h2.console.enabled=false\n\
         springdoc.swagger-ui.enabled=false\nspringdoc.api-docs.enabled=false\napplication.firewall.isEnabled=${FIREWALL}\n\
         application.healthcheck.enabled=true\napplication.healthcheck.threshold.audit=5\n\
         application.cors.allowed.origins=https://plant.example\napplication.cors.allowed.methods=GET\n\
         application.cors.allowed.headers=Content-Type\napplication.selfdescription.description=Line 7\n\
         application.selfdescription.title=Line 7\napplication.selfdescription.curator=https://plant.example\n\
         application.selfdescription.maintainer=https://plant.example\n",
    );
    connector.write(
        "ecc_resources_provider/firewall.properties",
        "allowedMethods=GET,POST\nallowedHeaderNames=Host,Accept\nallowedHeaderValues=x\nallowSemicolon=false\n",
    );
    let hash = bcrypt::hash("nobody knows this", 12).unwrap();
    connector.write(
        "ecc_resources_provider/users.properties",
        &format!("users.list=line7\nline7.password={hash}\n"),
    );
    connector.keystore("plant.p12", "PKCS12", "f3f1v9Lq0-store-own", "plant", "180", "4096");
    connector.keystore("daps.p12", "PKCS12", "f3f1v9Lq0-daps-own", "1", "180", "4096");
    let ecc_cert = connector.path().join("ecc_cert");
    for file in ["plant.p12", "daps.p12"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(ecc_cert.join(file), std::fs::Permissions::from_mode(0o640)).unwrap();
    }
    connector
}

#[test]
fn the_sample_fails_where_it_is_dangerous_and_no_secret_is_told() {
    let audited = shipped().audit();
    let fails = audited.with("fail");
    for rule in [
        "passwords-changed",
        "passwords-distinct",
        "key-password-not-literal",
        "keystore-own",
        "self-descriptions-validated",
        "peers-encrypted",
        "peers-verified",
        "daps-on",
        "daps-keystores-set",
        "database-console-off",
        "database-user-own",
        "cors-origins-listed",
        "password-length",
        "password-may-be-long",
        "self-description-title-own",
        "methods-listed",
        "risky-paths-refused",
        "user-passwords-changed",
        "user-names-changed",
        "user-passwords-hashed",
        "keystores-sealed",
        "keystores-private",
        "certificates-short-lived",
        "keys-long",
        "keystore-form-current",
        "negotiation-not-demo",
        "checksums-verified",
        "usage-control-plain-port-closed",
        "usage-control-database-console-off",
        "api-published-internally",
        "core-recent",
    ] {
        assert!(fails.contains(&format!("true-connector.{rule}")), "{rule}: {fails:?}");
    }
    for rule in [
        "lock-after-attempts",
        "lock-lasts",
        "env-firewalls-on",
        "connector-firewall-on",
        "connector-tls-on",
        "keystores-open",
        "certificates-in-date",
    ] {
        assert_eq!(audited.verdicts()[&format!("true-connector.{rule}")], "pass", "{rule}");
    }
    let key = audited.about("true-connector.column-key-set");
    assert!(key.contains("unknown") && key.contains(".env:5") && key.contains("docker inspect"), "{key}");
    for secret in ["allpassword", "file_password", "$2b$05$", "passwordAlice"] {
        let told = audited.text.matches(secret).count();
        // Rules name the sample's passwords to a person; the facts do not.
        let of_rules = ["keystores-sealed", "passwords-changed"]
            .map(|rule| audited.about(&format!("true-connector.{rule}")));
        assert!(told <= of_rules.join("").matches(secret).count(), "{secret} is told {told} times");
    }
    assert!(audited.about("true-connector.database-console-off").contains("application-docker.properties:9"));
}

#[test]
fn a_connector_of_ones_own_passes() {
    let audited = own().audit();
    assert_eq!(audited.with("fail"), ["true-connector.column-key-not-in-file"], "{:?}", audited.with("fail"));
    assert!(audited.with("unknown").is_empty(), "{:?}", audited.with("unknown"));
    assert!(audited.with("pass").len() > 50, "{:?}", audited.with("pass"));
    assert!(!audited.text.contains("f3f1v9Lq0") && !audited.text.contains("3f9Kq!vT0aZx7"));
}

#[test]
fn keystores_of_every_form_are_opened_and_wrong_passwords_are_told() {
    let connector = own();
    connector.keystore("old.jks", "JKS", "f3f1v9Lq0-trust-own", "old", "30", "2048");
    connector.keystore("locked.p12", "PKCS12", "nobody-knows-this", "locked", "30", "2048");
    connector.write("ecc_cert/broken.jks", "no keystore at all");
    let pem = self_signed(connector.path(), "made", "-newkey rsa:2048 -days 20");
    let openssl = Command::new("openssl")
        .args(["pkcs12", "-export", "-name", "openssl", "-passout", "pass:f3f1v9Lq0-store-own", "-inkey"])
        .arg(&pem.key)
        .arg("-in")
        .arg(&pem.certificate)
        .arg("-out")
        .arg(connector.path().join("ecc_cert/openssl.pfx"))
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{}", String::from_utf8_lossy(&openssl.stderr));
    let audited = connector.audit();
    let opens = audited.about("true-connector.keystores-open");
    let verdict = |name: &str| {
        let line = opens
            .lines()
            .find(|line| line.contains(&format!("\"subject\":\"ecc_cert/{name}\"")))
            .unwrap_or_else(|| panic!("{name}: {opens}"));
        ["pass", "fail", "unknown"]
            .into_iter()
            .find(|verdict| line.contains(&format!("\"verdict\":\"{verdict}\"")))
            .unwrap()
    };
    assert_eq!(verdict("old.jks"), "pass");
    assert_eq!(verdict("openssl.pfx"), "pass");
    assert_eq!(verdict("locked.p12"), "fail");
    assert_eq!(verdict("broken.jks"), "unknown");
    let lengths = audited.about("true-connector.keys-long");
    assert!(
        lengths.contains("old.jks") && lengths.contains("openssl.pfx") && !lengths.contains("locked.p12"),
        "{lengths}"
    );
}

#[test]
fn another_folder_is_no_connector_and_a_broken_one_is_unknown() {
    let empty = tempfile::tempdir().unwrap();
    let audited = audit(&[&format!("true-connector:{}", empty.path().display())]);
    assert!(audited.refused());
    assert!(
        audited.about("true-connector.user-passwords-changed").contains("name the folder of a TRUE Connector")
    );
    let connector = own();
    connector.write("docker-compose.yml", "services: [\n");
    let audited = connector.audit();
    assert_eq!(audited.verdicts()["true-connector.column-key-set"], "unknown");
    assert_eq!(audited.verdicts()["true-connector.user-passwords-changed"], "pass");
}
