//! The listener on real sockets with real TLS, and clients that misbehave.

mod abuse;
mod lifecycle;
mod manners;
mod scanners;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::client::{ClientAddress, ForwardedBy, TrustedProxies};
use super::guard::HostNames;
use super::*;
use crate::pki::{Names, Pki};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(30);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this took too long")
}

async fn until(mut done: impl FnMut() -> bool) {
    soon(async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[expect(clippy::disallowed_methods, reason = "clients compare with the real clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A server that runs.
struct Running {
    address: SocketAddr,
    pki: Arc<Pki>,
    metrics: Metrics,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<Ended>>,
    /// Lets `/wait` answer, once a permit.
    gate: Arc<Semaphore>,
    /// Requests that reached `/wait`.
    waiting: Arc<Semaphore>,
    /// Requests that left it, answered or not.
    left: Arc<Semaphore>,
    place: TempDir,
}

impl Running {
    async fn start(limits: Limits) -> Self {
        Self::behind(limits, TrustedProxies::default()).await
    }

    async fn behind(limits: Limits, proxies: TrustedProxies) -> Self {
        let place = tempfile::tempdir().unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let names = Names::new(&[], Some("box"), &[], address.port()).unwrap();
        let hosts = HostNames::only(names.dns(), names.addresses());
        let pki = Arc::new(Pki::open_or_create(&place.path().join("pki"), names, now()).unwrap());
        let metrics = Metrics::new("1.2.3");
        let [gate, waiting, left] = [(); 3].map(|()| Arc::new(Semaphore::new(0)));
        let server = Server {
            router: dress(routes(&gate, &waiting, &left), hosts, metrics.clone(), |router| router),
            transport: Transport::Tls(pki.server_config().unwrap()),
            limits,
            proxies,
            metrics: metrics.clone(),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(server.run(listener, shutdown.clone()));
        Self { address, pki, metrics, shutdown, task, gate, waiting, left, place }
    }

    fn ca_file(&self) -> String {
        self.place.path().join("pki/ca.pem").to_str().unwrap().to_owned()
    }

    fn client_config(&self, alpn: &str) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pki.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        config
    }

    async fn connect_as(&self, alpn: &str) -> TlsStream<TcpStream> {
        self.connect_with(Arc::new(self.client_config(alpn))).await.unwrap()
    }

    async fn connect_with(&self, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        soon(TlsConnector::from(config).connect(name, stream)).await
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_as("http/1.1").await
    }

    /// A request of HTTP/1.1 over a connection of its own.
    async fn ask(&self, request: &str) -> String {
        ask(&mut self.connect().await, request).await
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
    }

    fn figure(&self, name: &str) -> Option<f64> {
        let text = self.metrics.text().unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    async fn stop(self) -> Ended {
        self.shutdown.cancel();
        soon(self.task).await.unwrap().unwrap()
    }
}

/// Says something and reads until the other side is done.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(stream).await
}

/// All that still comes.
async fn rest<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    // An end without goodbye is an end as well.
    while let Ok(count @ 1..) = soon(stream.read(&mut block)).await {
        seen.extend_from_slice(&block[..count]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// One answer of a connection that stays open.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let (mut seen, mut block) = (Vec::new(), [0; 4096]);
    loop {
        let count = soon(stream.read(&mut block)).await.unwrap();
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&block[..count]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |text| text.parse().unwrap());
        if body.len() >= length {
            return text;
        }
    }
}

/// Counts when it is dropped.
struct Leaves(Arc<Semaphore>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn routes(gate: &Arc<Semaphore>, waiting: &Arc<Semaphore>, left: &Arc<Semaphore>) -> Router {
    let (gate, waiting, left) = (Arc::clone(gate), Arc::clone(waiting), Arc::clone(left));
    Router::new()
        .route("/", get(async || "hello"))
        .route("/item/{id}", get(async || "item"))
        .route("/client", get(async |client: axum::Extension<ClientAddress>| client.pair_key().to_string()))
        .route("/read", post(async |body: Bytes| body.len().to_string()))
        .route("/panic", get(async || -> StatusCode { panic!("a secret of the inside") }))
        .route("/large", get(async || vec![b'x'; 64 << 20]))
        .route("/asset", get(async || ([("cache-control", "max-age=60"), ("server", "x/1.0")], "asset")))
        .route(
            "/wait",
            get(async move || {
                let _leaves = Leaves(Arc::clone(&left));
                waiting.add_permits(1);
                gate.acquire().await.unwrap().forget();
                "waited"
            }),
        )
}

/// A program of the system, run to its end.
#[expect(clippy::disallowed_methods, reason = "the real program, against the real listener")]
async fn program(name: &'static str, args: Vec<String>) -> String {
    let run = tokio::task::spawn_blocking(move || {
        let mut command = std::process::Command::new(name);
        command.args(args).stdin(std::process::Stdio::null());
        command
            .output()
            .unwrap_or_else(|error| panic!("{name} is needed by this test (apt-get install {name}): {error}"))
    });
    let done = soon(run).await.unwrap();
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
}

/// Requests of HTTP/2 over one connection.
struct Requests {
    send: h2::client::SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Requests {
    async fn new(server: &Running) -> Self {
        let (send, connection) = soon(h2::client::handshake(server.connect_as("h2").await)).await.unwrap();
        Self { send, connection: tokio::spawn(connection) }
    }

    fn request(path: &str) -> axum::http::request::Builder {
        axum::http::Request::builder()
            .version(axum::http::Version::HTTP_2)
            .uri(format!("https://localhost{path}"))
    }

    fn send(&mut self, path: &str) -> h2::client::ResponseFuture {
        self.send.send_request(Self::request(path).body(()).unwrap(), true).unwrap().0
    }
}
