//! Secrets of compose services in files instead of variables, for images that are known to read them there.

use model::facts::docker::Container;
use serde_json::Value;

use super::compose::{Project, containers};
use crate::change::{Change, Edit};
use crate::compile::SECRETS;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

pub(super) const FIX: Fix = Fix {
    id: "compose-secrets",
    title: "Move secrets of compose services from variables to files",
    changes: "a file for each secret in /etc/palisade/secrets, and an override file beside the compose file that mounts it; the \
              containers are made anew",
    disruption: Disruption::Restart,
    may_break: "services whose image is not what its name says, or that do not start as root and so cannot read the file",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

/// Images that read a secret from a file: their name, the variable's name, and that of the one that names the file.
const IMAGES: &[(&str, &[(&str, &str)])] = &[
    ("grafana/grafana", &[("GF_SECURITY_ADMIN_PASSWORD", "GF_SECURITY_ADMIN_PASSWORD__FILE")]),
    (
        "influxdb",
        &[
            ("DOCKER_INFLUXDB_INIT_PASSWORD", "DOCKER_INFLUXDB_INIT_PASSWORD_FILE"),
            ("DOCKER_INFLUXDB_INIT_ADMIN_TOKEN", "DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE"),
        ],
    ),
    ("mariadb", MYSQL),
    ("minio/minio", &[("MINIO_ROOT_PASSWORD", "MINIO_ROOT_PASSWORD_FILE")]),
    ("mongo", &[("MONGO_INITDB_ROOT_PASSWORD", "MONGO_INITDB_ROOT_PASSWORD_FILE")]),
    ("mysql", MYSQL),
    (
        "nextcloud",
        &[
            ("MYSQL_PASSWORD", "MYSQL_PASSWORD_FILE"),
            ("NEXTCLOUD_ADMIN_PASSWORD", "NEXTCLOUD_ADMIN_PASSWORD_FILE"),
            ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE"),
        ],
    ),
    ("postgres", POSTGRES),
    ("postgis/postgis", POSTGRES),
    ("timescale/timescaledb", POSTGRES),
    ("wordpress", &[("WORDPRESS_DB_PASSWORD", "WORDPRESS_DB_PASSWORD_FILE")]),
];
const POSTGRES: &[(&str, &str)] = &[("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE")];
const MYSQL: &[(&str, &str)] = &[
    ("MARIADB_PASSWORD", "MARIADB_PASSWORD_FILE"),
    ("MARIADB_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD_FILE"),
    ("MYSQL_PASSWORD", "MYSQL_PASSWORD_FILE"),
    ("MYSQL_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD_FILE"),
];

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, _: NoArgs, draft| {
        let Some(container) = containers(ask).iter().find(|container| container.name == one.subject) else {
            return;
        };
        match moved(ask, container) {
            Ok((changes, note)) => {
                draft.changes.extend(changes);
                draft.note(note);
            }
            Err(reason) => draft.refuse(one, reason),
        }
    });
}

fn moved(ask: &Ask<'_>, container: &Container) -> Result<(Vec<Change>, String), String> {
    let image = container.image.value().map_or("", String::as_str);
    let known = IMAGES.iter().find(|(name, _)| *name == repository(image)).map_or(&[][..], |(_, known)| known);
    let project = Project::of(ask, &container.name)?;
    let secrets = container.environment.value().ok_or("its variables cannot be read")?;
    let secrets: Vec<&str> = secrets.iter().filter(|one| one.is_secret).map(|one| one.name.as_str()).collect();
    let mut named = Vec::new();
    for name in &secrets {
        let pair = known.iter().find(|(variable, _)| variable == name);
        let (_, file_variable) = pair.ok_or_else(|| {
            format!(
                "it is not known that the image {image} reads {name} from a file: when it does, mount the secret as a file \
                 (`secrets:`), name it by the image's own variable, and take {name} out of the compose file"
            )
        })?;
        named.push((*name, *file_variable));
    }
    let socket = super::compose::socket(ask).ok_or("the engine has no socket")?;
    let folder = format!("{SECRETS}/{}", container.name);
    let mut draft = Draft::default();
    for folder in [SECRETS, &folder] {
        draft.change(Change::Directory { path: folder.to_owned(), mode: 0o700 });
    }
    let mut members = Vec::new();
    let mut mounts = Vec::new();
    for (variable, file_variable) in named {
        let file = format!("{folder}/{variable}");
        let inside = format!("/run/secrets/{}", variable.to_lowercase());
        let edit = Edit::Variable {
            socket: socket.to_owned(),
            container: container.name.clone(),
            name: variable.to_owned(),
        };
        draft.change(Change::Edit { file: file.clone(), mode: 0o600, edit });
        let member = |name: &str| vec!["environment".to_owned(), name.to_owned()];
        members.push((member(variable), "null".to_owned()));
        members.push((member(file_variable), Value::from(inside.as_str()).to_string()));
        mounts.push(Value::from(format!("{file}:{inside}:ro")));
    }
    members.push((vec!["volumes".to_owned()], Value::from(mounts).to_string()));
    project.set(&members)?.into_draft(&mut draft);
    draft.change(project.made_anew(ask, true)?);
    let note = format!(
        "{} still stands where compose takes it from: take it out of there, and change the secret, as others may have read it",
        secrets.join(", ")
    );
    Ok((draft.changes, note))
}

/// The name of an image without registry, tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let image = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    let image = match image.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) || registry == "localhost" => rest,
        _ => image,
    };
    image.strip_prefix("library/").unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_image_is_what_stands_between_registry_and_tag() {
        let images = [
            "postgres:15",
            "docker.io/library/postgres@sha256:aa",
            "reg.example:5000/postgres",
            "acme/postgres:1",
        ];
        assert_eq!(images.map(repository), ["postgres", "postgres", "postgres", "acme/postgres"]);
    }
}
