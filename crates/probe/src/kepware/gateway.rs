//! The IoT Gateway and the OPC UA gateway.

use model::Fact;
use model::facts::kepware::{MqttClient, RestClient, RestServer, UaCertificate, UaGateway, UaGatewayEndpoint};

use super::{Asked, NAME, Refusal};
use crate::service::properties::{Properties, address, short};

/// Where the OPC UA gateway keeps its server.
const UA_SERVER: &str = "/project/_ua_gateway/ua_server_interfaces/Server%20Interface";
/// The most origins of one server.
const ORIGINS: usize = 100;

/// What the server does not tell of agents in old versions is no mistake: they were always on.
fn enabled(agent: &Properties) -> Fact<bool> {
    if agent.has("iot_gateway.AGENTTYPES_ENABLED") {
        agent.flag("iot_gateway.AGENTTYPES_ENABLED")
    } else {
        Fact::Absent
    }
}

fn split(url: Fact<String>) -> (Fact<String>, Fact<String>) {
    (url.clone().map(|url| address(&url).0), url.map(|url| address(&url).1))
}

/// True when one is true; else not known when one is not.
fn either(one: Fact<bool>, other: Fact<bool>) -> Fact<bool> {
    match (one, other) {
        (yes @ Fact::Known(true, _), _) | (_, yes @ Fact::Known(true, _)) => yes,
        (unread @ Fact::Unreadable(_), _) | (_, unread @ Fact::Unreadable(_)) => unread,
        (no, _) => no,
    }
}

pub(super) fn mqtt_client(agent: &Properties) -> MqttClient {
    let (scheme, broker) = split(agent.text("iot_gateway.MQTT_CLIENT_URL"));
    MqttClient {
        name: agent.name(NAME),
        enabled: enabled(agent),
        scheme,
        broker,
        tls_version: agent.number("iot_gateway.MQTT_TLS_VERSION"),
        authenticates: either(
            agent.is_set("iot_gateway.MQTT_CLIENT_USERNAME"),
            agent.flag("iot_gateway.MQTT_CLIENT_CERTIFICATE"),
        ),
        writes: agent.flag("iot_gateway.MQTT_CLIENT_ENABLE_WRITE_TOPIC"),
        source: agent.place().to_owned(),
    }
}

pub(super) fn rest_client(agent: &Properties) -> RestClient {
    let (scheme, peer) = split(agent.text("iot_gateway.REST_CLIENT_URL"));
    let header = agent.values().get("iot_gateway.REST_CLIENT_HTTP_HEADER").and_then(|value| value.as_str());
    let by_header = header.is_some_and(|header| {
        let header = header.to_ascii_lowercase();
        ["authorization", "api-key", "apikey", "x-auth"].iter().any(|name| header.contains(name))
    });
    RestClient {
        name: agent.name(NAME),
        enabled: enabled(agent),
        scheme,
        peer,
        authenticates: if by_header {
            Fact::known(true)
        } else {
            agent.is_set("iot_gateway.REST_CLIENT_USERNAME")
        },
        source: agent.place().to_owned(),
    }
}

pub(super) fn rest_server(agent: &Properties) -> RestServer {
    RestServer {
        name: agent.name(NAME),
        enabled: enabled(agent),
        adapter: agent.text("iot_gateway.REST_SERVER_NETWORK_ADAPTER"),
        port: agent.number("iot_gateway.REST_SERVER_PORT_NUMBER"),
        https: agent.flag("iot_gateway.REST_SERVER_USE_HTTPS"),
        writes: agent.flag("iot_gateway.REST_SERVER_ENABLE_WRITE_ENDPOINT"),
        anonymous: agent.flag("iot_gateway.REST_SERVER_ALLOW_ANONYMOUS_LOGIN"),
        origins: agent.text("iot_gateway.REST_SERVER_CORS_ALLOWED_ORIGINS").map(|list| {
            list.split(',')
                .map(str::trim)
                .filter(|origin| !origin.is_empty())
                .take(ORIGINS)
                .map(short)
                .collect()
        }),
        source: agent.place().to_owned(),
    }
}

/// The OPC UA gateway; absent when the plug-in is not there.
pub(super) fn ua(asked: &Asked<'_>) -> Fact<UaGateway> {
    match asked.object("/project/_ua_gateway") {
        Ok(_) => {}
        Err(Refusal::NotThere) => return Fact::Absent,
        Err(refusal) => return Fact::unreadable(refusal.reason()),
    }
    let anonymous = match asked.object(UA_SERVER) {
        Ok(server) => server.flag("ua_gateway.UA_SERVER_INTERFACE_USER_IDENTITY_POLICY_ANONYMOUS"),
        Err(refusal) => Fact::unreadable(refusal.reason()),
    };
    Fact::known(UaGateway {
        anonymous,
        endpoints: asked.list(&format!("{UA_SERVER}/ua_server_endpoints"), |endpoint| UaGatewayEndpoint {
            name: endpoint.name(NAME),
            enabled: endpoint.flag("ua_gateway.UA_SERVER_ENDPOINT_ENABLED"),
            adapter: endpoint.text("ua_gateway.UA_SERVER_ENDPOINT_NETWORK_ADAPTER"),
            port: endpoint.number("ua_gateway.UA_SERVER_ENDPOINT_PORT"),
            source: endpoint.place().to_owned(),
        }),
        certificates: asked.list(&format!("{UA_SERVER}/certificates"), |certificate| UaCertificate {
            name: certificate.name(NAME),
            trusted: certificate.number("ua_gateway.UA_CERTIFICATE_TRUST_STATUS").map(|status| status == 1),
            source: certificate.place().to_owned(),
        }),
    })
}
