//! Where the folder of a connector stands on a host.

use host::Door;

use super::parts::kind;
use crate::docker::project_directories;

/// Folders in which people put it, beside those of users.
const ABOVE: [&str; 5] = ["", "/opt", "/srv", "/root", "/usr/local"];
/// Folders of users that are looked into.
const USERS: usize = 20;
/// What its name holds, however it is spelt: `TRUEConnector`, `true-connector`.
const NAME: &str = "trueconnector";

/// Folders that hold a connector: those that containers were started from, else those of its name in the usual places.
///
/// # Errors
/// For a person: why it cannot be told.
pub(super) fn folders(door: &Door) -> Result<Vec<String>, String> {
    // A folder that cannot be listed holds nothing that is known; whether one is in use the engine tells.
    let list = |folder: &str| door.read_dir(format!("{folder}/")).unwrap_or_default();
    let is_connector = |folder: &String| list(folder).iter().any(|entry| kind(&entry.name).is_some());
    let started = project_directories(door);
    let of_containers: Vec<String> = started
        .iter()
        .flatten()
        .map(|folder| folder.trim_end_matches('/').to_owned())
        .filter(is_connector)
        .collect();
    if !of_containers.is_empty() {
        return Ok(of_containers);
    }
    let users = list("/home").into_iter().take(USERS).map(|user| format!("/home/{}", user.name));
    let above = ABOVE.into_iter().map(str::to_owned).chain(users);
    let named = |name: &str| {
        let plain = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        plain.to_ascii_lowercase().contains(NAME)
    };
    let usual: Vec<String> = above
        .flat_map(|above| {
            let names = list(&above).into_iter().filter(|entry| named(&entry.name)).take(USERS);
            names.map(|entry| format!("{above}/{}", entry.name)).collect::<Vec<_>>()
        })
        .filter(is_connector)
        .collect();
    match started {
        Err(why) if usual.is_empty() => Err(why),
        _ => Ok(usual),
    }
}

#[cfg(test)]
mod tests {
    use model::Fact;
    use serde_json::json;
    use test_support::{Machine, container};

    use crate::Context;
    use crate::true_connector::probe;

    const PROPERTIES: &str = "ecc_resources_provider/application-docker.properties";

    fn started_from(folder: &str) -> Vec<serde_json::Value> {
        let labels = json!({"com.docker.compose.project.working_dir": folder});
        vec![container("ecc-provider", json!({"Config": {"Labels": labels}}))]
    }

    #[test]
    fn a_host_without_a_connector_has_no_such_section() {
        let (door, _tree) = Machine::new().engine(started_from("/srv/other")).directory("/srv/other").door();
        assert!(probe(&Context::new(door)).is_absent());
    }

    #[test]
    fn the_folder_of_running_containers_goes_before_copies_in_the_usual_places() {
        let machine = Machine::new()
            .engine(started_from("/data/line 7/connector"))
            .file(&format!("/data/line 7/connector/{PROPERTIES}"), "spring.h2.console.enabled=true\n")
            .file(&format!("/opt/TRUEConnector.old/{PROPERTIES}"), "");
        let (door, _tree) = machine.door();
        let Fact::Known(connector, Some(source)) = probe(&Context::new(door)) else { panic!() };
        assert_eq!(source.at, "/data/line 7/connector");
        let settings = connector.settings.value().unwrap();
        let console = settings.iter().find(|one| one.key == "spring.h2.console.enabled").unwrap();
        assert_eq!(console.source, format!("/data/line 7/connector/{PROPERTIES}:1"));
    }

    #[test]
    fn without_containers_the_usual_places_are_looked_into() {
        let one = Machine::new().file(&format!("/home/eva/true-connector/{PROPERTIES}"), "");
        let (door, _tree) = one.door();
        let Fact::Known(_, Some(source)) = probe(&Context::new(door)) else { panic!() };
        assert_eq!(source.at, "/home/eva/true-connector");
        let two = Machine::new()
            .file(&format!("/opt/TRUEConnector/{PROPERTIES}"), "")
            .file(&format!("/srv/true_connector/{PROPERTIES}"), "");
        let (door, _tree) = two.door();
        let Fact::Unreadable(reason) = probe(&Context::new(door)) else { panic!() };
        assert!(reason.contains("/opt/TRUEConnector, /srv/true_connector"), "{reason}");
    }

    #[test]
    fn an_engine_that_does_not_run_keeps_where_its_containers_came_from() {
        let id = "ab".repeat(32);
        let labels = json!({"Config": {"Labels": {"com.docker.compose.project.working_dir": "/data/tc"}}});
        let machine = Machine::new()
            .file(&format!("/var/lib/docker/containers/{id}/config.v2.json"), labels.to_string())
            .file(&format!("/data/tc/{PROPERTIES}"), "");
        let (door, _tree) = machine.offline_door();
        let Fact::Known(_, Some(source)) = probe(&Context::new(door)) else { panic!() };
        assert_eq!(source.at, "/data/tc");
    }
}
