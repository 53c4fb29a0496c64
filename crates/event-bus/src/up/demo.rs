//! The configuration of `event-bus up` without `--config`: two sources, a route to the built-in sink, and secrets of
//! its own, which stay the same from start to start.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::failure::Failure;

const TEMPLATE: &str = include_str!("demo.toml");

/// Each name is a file in the folder of secrets and, as `{name_secret}`, a place in the template.
const SECRETS: [&str; 3] = ["github", "slack", "doctor"];

/// Where things listen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) broker_port: u16,
    pub(super) inbound: SocketAddr,
    pub(super) sink: SocketAddr,
}

/// Writes the configuration and the secrets that are not there yet, and gives the path of the configuration.
pub(super) fn write(folder: &Path, addresses: Addresses) -> Result<PathBuf, Failure> {
    write_files(folder, addresses).map_err(|error| {
        let folder = folder.display();
        Failure::failed(format!("{folder} cannot be written: {error}; choose a folder with --data"))
    })
}

fn write_files(folder: &Path, addresses: Addresses) -> io::Result<PathBuf> {
    let secrets = folder.join("secrets");
    fs::create_dir_all(&secrets)?;
    let secrets = secrets.canonicalize()?;
    let mut text = TEMPLATE
        .replace("{broker_port}", &addresses.broker_port.to_string())
        .replace("{inbound}", &addresses.inbound.to_string())
        .replace("{sink}", &addresses.sink.to_string());
    for name in SECRETS {
        let path = secrets.join(name);
        make_secret(&path)?;
        let quoted = toml::Value::String(path.display().to_string()).to_string();
        text = text.replace(&format!("{{{name}_secret}}"), &quoted);
    }
    let path = folder.join("event-bus.toml");
    fs::write(&path, text)?;
    Ok(path)
}

/// Makes a secret of 244 random bits that only this user can read, unless there is one.
fn make_secret(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            writeln!(file, "{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::EnvMap;

    use super::*;
    use crate::config::ConfigSource;

    fn addresses() -> Addresses {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Addresses { broker_port: 4222, inbound: address(8080), sink: address(8081) }
    }

    #[test]
    fn the_written_configuration_is_sound_and_its_secrets_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), addresses()).unwrap();
        let config = ConfigSource::new(Some(path), None, EnvMap::default()).read().unwrap();
        assert_eq!(config.inbound.unwrap().sources.len(), 2);
        assert_eq!(config.outbound.unwrap().routes[0].name, "printer");
        let secret = || fs::read_to_string(folder.path().join("secrets/github")).unwrap();
        let first = secret();
        write(folder.path(), addresses()).unwrap();
        assert_eq!((secret(), first.trim().len()), (first.clone(), 64));
    }
}
