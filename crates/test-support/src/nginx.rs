//! A real nginx with a configuration, files and port of its own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::ports::{Server, free_port};

/// A running nginx, ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    server: Server,
    _directory: TempDir,
}

impl Nginx {
    /// Starts nginx. `server` is the inside of the server block, without `listen`; `{dir}` in it is the directory that
    /// `prepare` filled, whose folder `www` holds the pages. `tls` makes the port one for TLS.
    pub fn start(tls: bool, server: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path();
        fs::create_dir(dir.join("www")).unwrap();
        prepare(dir);
        let port = free_port();
        let ssl = if tls { "ssl" } else { "" };
        let place = dir.display();
        let config = format!(
            "daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n access_log off; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;\n\
             fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;\n\
             types {{ text/html html; text/plain txt; }}\n\
             server {{ listen 127.0.0.1:{port} {ssl}; root {place}/www;\n{server}\n}} }}\n",
            server = server.replace("{dir}", &place.to_string())
        );
        let file = dir.join("nginx.conf");
        fs::write(&file, config).unwrap();
        let log = dir.join("error.log").display().to_string();
        let server = Server::start("/usr/sbin/nginx", &["-e", &log, "-c", &file.display().to_string()], port);
        Self { server, _directory: directory }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}
