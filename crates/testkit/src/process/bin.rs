//! The project's own binary, run as a user runs it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use super::Process;
use crate::poll;

/// A binary with arguments and environment, ready to start.
#[derive(Debug, Clone)]
pub struct Bin {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    input: Vec<u8>,
}

/// A started binary. Dropping it kills the process.
#[derive(Debug)]
pub struct Running {
    process: Process,
    folder: TempDir,
}

/// How a binary ended and what it wrote.
#[derive(Debug, Clone)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Bin {
    /// Tests of the crate `event-bus` pass `env!("CARGO_BIN_EXE_event-bus")`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            input: Vec::new(),
        }
    }

    /// The binary `event-bus` of the profile that this test was built with; built once if need be.
    pub fn event_bus() -> Self {
        static BUILT: OnceLock<PathBuf> = OnceLock::new();
        Self::at(BUILT.get_or_init(build_event_bus).clone())
    }

    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs it in this folder instead of that of the test.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// What it reads from its standard input; nothing by default.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Starts it; input and output are files.
    ///
    /// Of the test's own environment nothing that begins with `EVENT_BUS_` is passed on.
    pub fn spawn(&self) -> Running {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name| File::create(folder.path().join(name)).expect("a file for the output");
        let input = folder.path().join("stdin");
        fs::write(&input, &self.input).expect("a file for the input");
        let input = File::open(input).expect("the file just written");
        let mut command = Command::new(&self.path);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("EVENT_BUS_"))
        {
            command.env_remove(name);
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(input)
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        Running { process: Process::spawn(&mut command), folder }
    }

    /// Runs it to its end; panics when it still runs after `within`.
    pub async fn output(&self, within: Duration) -> Output {
        self.spawn().output(within).await
    }
}

impl Running {
    /// SIGKILL, and waits until the process is gone.
    pub fn kill9(&self) {
        self.process.kill();
    }

    /// What it wrote to standard output so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Waits for the end; panics with the output when it still runs after `within`.
    pub async fn output(self, within: Duration) -> Output {
        match self.process.wait(within).await {
            Some(status) => Output { status, stdout: self.stdout(), stderr: self.stderr() },
            None => panic!("still running after {within:?}\n{}", self.both()),
        }
    }

    /// Waits until standard error or standard output holds `text`; panics with both otherwise.
    pub async fn wait_for_text(&self, text: &str, within: Duration) {
        let found = async || {
            let is_there = self.stderr().contains(text) || self.stdout().contains(text);
            (is_there || self.process.exited().is_some()).then_some(is_there)
        };
        match poll::try_poll(within, found).await {
            Some(true) => {}
            Some(false) => panic!("ended without saying {text:?}\n{}", self.both()),
            None => panic!("did not say {text:?} within {within:?}\n{}", self.both()),
        }
    }

    fn both(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.path().join(name)).expect("the file of the output");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Signals and waiting are those of [`Process`].
impl Deref for Running {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Output {
    /// The exit code; `None` after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Builds into the folder that the running test came from, `<target>/<profile>/deps/<test>`.
fn build_event_bus() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    let profile = test.ancestors().nth(2).expect("a test lies in <target>/<profile>/deps");
    let target = profile.parent().expect("a profile lies in the target folder");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--package", "event-bus", "--target-dir"]).arg(target);
    if profile.file_name() == Some("release".as_ref()) {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(crate::report::workspace_root()).status();
    assert!(built.is_ok_and(|status| status.success()), "cargo build --package event-bus failed");
    existing(profile.join("event-bus"))
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(Path::is_file(&path), "{} was not built", path.display());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Bin {
        Bin::at("/bin/sh").args(["-c", script])
    }

    #[tokio::test]
    async fn output_and_exit_code_are_those_of_the_process() {
        let output =
            shell("echo out; echo err $NAME >&2; exit 64").env("NAME", "x").output(WITHIN).await;
        assert_eq!(output.code(), Some(64));
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err x\n"));
    }

    #[tokio::test]
    async fn a_running_process_can_be_watched_terminated_and_killed() {
        let running =
            shell("trap 'echo stopping; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
                .spawn();
        running.wait_for_text("ready", WITHIN).await;
        running.terminate();
        let output = running.output(WITHIN).await;
        assert_eq!((output.code(), output.stdout.as_str()), (Some(3), "ready\nstopping\n"));

        let running = shell("echo ready; while :; do sleep 0.01; done").spawn();
        running.wait_for_text("ready", WITHIN).await;
        running.kill9();
        assert_eq!(running.output(WITHIN).await.code(), None);
    }

    #[tokio::test]
    #[should_panic(expected = "ended without saying")]
    async fn waiting_for_a_text_ends_with_the_process() {
        shell("echo something else").spawn().wait_for_text("ready", WITHIN).await;
    }
}
