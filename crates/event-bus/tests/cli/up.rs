//! `up`: everything starts, works, heals and ends, and leaves no process behind.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use testkit::process::Running;
use testkit::{Bin, free_port, poll_until};

use crate::world::{LONG, event_bus, json_lines};

/// `event-bus up` without a configuration, in a folder of its own.
struct Up {
    folder: TempDir,
    running: Running,
}

fn command(folder: &Path, arguments: &[&str]) -> Bin {
    let local = || format!("127.0.0.1:{}", free_port());
    event_bus(&["up", "--listen", &local(), "--sink-listen", &local()])
        .args(arguments.iter().copied())
        .arg("--data")
        .arg(folder)
        .arg("--nats-server")
        .arg(testkit::nats::locate(testkit::nats::NEWEST))
}

impl Up {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port().to_string();
        let running = command(folder.path(), &["--nats-port", &port, "--json"]).spawn();
        running.wait_for_text("\"ready\"", LONG).await;
        Self { folder, running }
    }

    fn event_bus(&self, arguments: &[&str]) -> Bin {
        event_bus(arguments).arg("--config").arg(self.folder.path().join("event-bus.toml"))
    }

    /// Sends a webhook until it is accepted, and waits until the sink has printed its event.
    async fn send(&self, id: &str) {
        poll_until(LONG, "the webhook to be accepted", async || {
            let sent =
                self.event_bus(&["trigger", "github", "push", "--id", id]).output(LONG).await;
            (sent.code() == Some(0)).then_some(())
        })
        .await;
        poll_until(LONG, "the event at the sink", async || {
            let lines = json_lines(&self.running.stdout());
            lines.iter().any(|line| line["event"]["id"] == id).then_some(())
        })
        .await;
    }

    fn broker(&self) -> Option<Pid> {
        processes_of(self.folder.path())
            .into_iter()
            .find_map(|(pid, name)| (name == "nats-server").then_some(pid))
    }

    async fn wait_until_nothing_is_left(&self) {
        poll_until(LONG, "every process to end", async || {
            processes_of(self.folder.path()).is_empty().then_some(())
        })
        .await;
    }
}

/// Processes whose arguments name the folder, with the name of their program.
fn processes_of(folder: &Path) -> Vec<(Pid, String)> {
    let folder = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let pid: i32 = path.file_name()?.to_str()?.parse().ok()?;
        let arguments = fs::read_to_string(path.join("cmdline")).ok()?;
        let program = Path::new(arguments.split('\0').next()?).file_name()?.to_str()?.to_owned();
        arguments.contains(folder).then(|| (Pid::from_raw(pid), program))
    });
    processes.collect()
}

#[tokio::test]
async fn everything_works_and_ends_in_order() {
    let up = Up::start().await;
    up.send("d-1").await;
    let again = up.event_bus(&["trigger", "github", "push", "--id", "d-1"]).output(LONG).await;
    assert!(again.stdout.contains("\"duplicate\":true"), "{}", again.stdout);
    let doctor = up.event_bus(&["doctor", "--strict"]).output(LONG).await;
    assert_eq!(doctor.code(), Some(0), "{}", doctor.stdout);

    up.running.terminate();
    let Up { folder, running } = up;
    let output = running.output(LONG).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    assert_eq!(processes_of(folder.path()), []);
    let received = json_lines(&output.stdout);
    assert_eq!(received.iter().filter(|line| line["event"]["id"] == "d-1").count(), 1);
    for name in ["github", "slack", "doctor"] {
        let secret = fs::read_to_string(folder.path().join("secrets").join(name)).unwrap();
        for text in [&output.stdout, &output.stderr, &doctor.stdout, &doctor.stderr] {
            assert!(!text.contains(secret.trim()), "the secret {name} is in the output");
        }
    }
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart() {
    let up = Up::start().await;
    up.send("d-1").await;
    let config = fs::read_to_string(up.folder.path().join("event-bus.toml")).unwrap();
    up.running.terminate();
    let Up { folder, running } = up;
    assert_eq!(running.output(LONG).await.code(), Some(0));

    let path = folder.path().join("mine.toml");
    fs::write(&path, config).unwrap();
    let running = event_bus(&["up", "--config"])
        .arg(&path)
        .arg("--data")
        .arg(folder.path())
        .arg("--nats-server")
        .arg(testkit::nats::locate(testkit::nats::NEWEST))
        .spawn();
    running.wait_for_text("event-bus is up", LONG).await;
    let past = event_bus(&["listen", "--since", "all", "--limit", "1", "--json", "--config"]);
    let past = past.arg(&path).output(LONG).await;
    let event: Value = serde_json::from_str(&past.stdout).unwrap();
    assert_eq!(event["event"]["id"], "d-1");
    running.terminate();
    assert_eq!(running.output(LONG).await.code(), Some(0));
}

#[tokio::test]
async fn a_second_one_in_the_folder_is_refused_and_does_the_first_no_harm() {
    let up = Up::start().await;
    up.send("before").await;
    let config = up.folder.path().join("event-bus.toml");
    let written = fs::read_to_string(&config).unwrap();
    let given = up.folder.path().join("given.toml");
    fs::write(&given, "[outbound]\n").unwrap();
    for arguments in [&[][..], &["--config", given.to_str().unwrap()]] {
        let second = event_bus(&["up", "--nats-port", "0", "--data"])
            .arg(up.folder.path())
            .args(arguments.iter().copied())
            .output(LONG)
            .await;
        assert_eq!(second.code(), Some(1), "{}", second.stderr);
        assert!(second.stderr.contains("another `event-bus up` uses"), "{}", second.stderr);
        assert!(second.stderr.contains("--data"), "{}", second.stderr);
    }
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
    fs::write(up.folder.path().join("nats/nats.conf"), "spoilt").unwrap();
    kill(up.broker().unwrap(), Signal::SIGKILL).unwrap();
    up.send("after").await;

    // The broker holds the lock as well: it may outlive one that is killed, and then still uses the folder.
    let held = fs::read_dir(format!("/proc/{}/fd", up.broker().unwrap())).unwrap();
    let mut held = held.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    assert!(held.any(|path| path == up.folder.path().join("lock")));
    up.running.kill9();
    up.wait_until_nothing_is_left().await;
    let second = command(up.folder.path(), &["--nats-port", "0"]).spawn();
    second.wait_for_text("event-bus is up", LONG).await;
    second.terminate();
    assert_eq!(second.output(LONG).await.code(), Some(0));
}

#[tokio::test]
async fn a_broker_that_dies_is_started_again() {
    let up = Up::start().await;
    up.send("before").await;
    let broker = up.broker().unwrap();
    kill(broker, Signal::SIGKILL).unwrap();
    up.send("after").await;
    assert_ne!(up.broker(), Some(broker));
    up.running.terminate();
    assert_eq!(up.running.output(LONG).await.code(), Some(0));
}

#[tokio::test]
async fn no_broker_outlives_a_process_that_is_killed_or_stopped_at_once() {
    let up = Up::start().await;
    assert!(up.broker().is_some());
    up.running.kill9();
    up.wait_until_nothing_is_left().await;

    let up = Up::start().await;
    // Its services cannot end while the broker does not answer.
    kill(up.broker().unwrap(), Signal::SIGSTOP).unwrap();
    up.running.terminate();
    up.running.wait_for_text("a second signal stops at once", LONG).await;
    up.running.terminate();
    poll_until(LONG, "the end", async || up.running.exited()).await;
    up.wait_until_nothing_is_left().await;
}

#[tokio::test]
async fn any_folder_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a \"b\" \\ c\u{301} \u{200b}\td");
    let running = command(&data, &["--nats-port", "0"]).spawn();
    running.wait_for_text("event-bus is up", LONG).await;
    assert!(data.join("nats/jetstream").is_dir());
    running.terminate();
    assert_eq!(running.output(LONG).await.code(), Some(0));
}

#[tokio::test]
async fn a_taken_port_and_a_broker_that_cannot_start_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = command(folder.path(), &["--nats-port", &port]).output(LONG).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("another program listens on 127.0.0.1"), "{}", output.stderr);

    // A port of a service: the broker was not even started.
    let port = taken.local_addr().unwrap().to_string();
    let given = folder.path().join("given.toml");
    fs::write(&given, format!("[inbound]\nlisten = '{port}'\n")).unwrap();
    let output = event_bus(&["up", "--nats-port", "0", "--data"])
        .arg(folder.path())
        .arg("--config")
        .arg(&given)
        .output(LONG)
        .await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("serve-inbound cannot listen"), "{}", output.stderr);
    assert!(!folder.path().join("nats/nats.log").exists());

    // A file where the broker wants a folder.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("nats")).unwrap();
    fs::write(folder.path().join("nats/jetstream"), "").unwrap();
    fs::write(folder.path().join("nats/nats.log"), "of an old run\n").unwrap();
    let output = command(folder.path(), &["--nats-port", "0"]).output(LONG).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("ended during its start"), "{}", output.stderr);
    assert!(!output.stderr.contains("of an old run"), "{}", output.stderr);

    let elsewhere = folder.path().join("elsewhere.toml");
    fs::write(&elsewhere, "[bus]\nurl = 'nats://nats.example.com:4222'\n[outbound]\n").unwrap();
    let output = event_bus(&["up", "--config"]).arg(&elsewhere).output(LONG).await;
    assert_eq!(output.code(), Some(64), "{}", output.stderr);
    assert!(output.stderr.contains("nats.example.com"), "{}", output.stderr);
}
