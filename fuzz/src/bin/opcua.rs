//! What an OPC UA server answers to the requests of a discovery.
#![no_main]

use probe::parsers::{OpcUaAnswer, opc_ua};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match opc_ua(bytes) {
        Some(OpcUaAnswer::Endpoints(endpoints)) => {
            assert!(endpoints.len() <= 100);
            assert!(endpoints.iter().all(|one| one.endpoint.tokens.len() <= 20 && one.urls.len() <= 20));
        }
        Some(OpcUaAnswer::Servers(servers)) => assert!(servers.len() <= 100),
        Some(OpcUaAnswer::Session(name)) => assert!(name.len() <= bytes.len()),
        _ => {}
    }
});
