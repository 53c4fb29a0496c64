//! Kerberos: MIT's key distribution centre on loopback, with one realm and its database in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::process::{Daemon, listens};
use crate::{free_port, tools};

/// The realm.
pub const REALM: &str = "EVENT-BUS.TEST";

/// A running centre. Dropping it kills the process and removes its data.
#[derive(Debug)]
pub struct Kdc {
    folder: TempDir,
    port: u16,
    daemon: Daemon,
}

impl Kdc {
    pub async fn start() -> Self {
        let (folder, port) = (tempfile::tempdir().expect("a temporary folder"), free_port());
        write_settings(folder.path(), port);
        let place = folder.path().to_owned();
        let daemon = Daemon::new("krb5kdc", folder.path().join("log"), move || {
            let mut command = program("krb5kdc", &place);
            command.arg("-n");
            command
        });
        let centre = Self { folder, port, daemon };
        centre.run("kdb5_util", &["create", "-s", "-P", "any"]);
        centre.daemon.start(async || listens(centre.port).await).await;
        centre
    }

    /// What clients and services find in the variable `KRB5_CONFIG`.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("krb5.conf")
    }

    /// The full name of a principal.
    pub fn principal(&self, name: &str) -> String {
        format!("{name}@{REALM}")
    }

    /// Makes a principal, and returns the file with its keys.
    pub fn keytab(&self, name: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{}.keytab", name.replace('/', "-")));
        self.run("kadmin.local", &["addprinc", "-randkey", name]);
        let path = file.to_str().expect("a path in UTF-8");
        self.run("kadmin.local", &["ktadd", "-k", path, name]);
        file
    }

    /// SIGKILL; the principals stay.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    fn run(&self, name: &str, arguments: &[&str]) {
        let output = program(name, self.folder.path()).args(arguments).output();
        let Output { status, stderr, .. } = output.expect("the program runs");
        assert!(status.success(), "{name}: {}", String::from_utf8_lossy(&stderr));
    }
}

fn program(name: &str, folder: &Path) -> Command {
    let debian = || Some(PathBuf::from("/usr/sbin").join(name)).filter(|path| path.is_file());
    let path = tools::on_path(name).or_else(debian);
    let path = path.unwrap_or_else(|| panic!("Kerberos's {name} not found; run ./scripts/setup"));
    let mut command = Command::new(path);
    command.env("KRB5_CONFIG", folder.join("krb5.conf"));
    command.env("KRB5_KDC_PROFILE", folder.join("kdc.conf"));
    command
}

fn write_settings(folder: &Path, port: u16) {
    let client = format!(
        "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\n\
         rdns = false\ndns_canonicalize_hostname = false\nudp_preference_limit = 1\n\
         [realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n\
         [domain_realm]\nlocalhost = {REALM}\n127.0.0.1 = {REALM}\n"
    );
    let folder_text = folder.display();
    let centre = format!(
        "[kdcdefaults]\nkdc_listen = \"\"\nkdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n{REALM} = {{\ndatabase_name = {folder_text}/principals\n\
         key_stash_file = {folder_text}/stash\nacl_file = {folder_text}/acl\n}}\n"
    );
    for (name, text) in [("krb5.conf", client), ("kdc.conf", centre)] {
        fs::write(folder.join(name), text).expect("a file");
    }
}
