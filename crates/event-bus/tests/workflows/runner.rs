//! Runs the `run:` steps of a workflow or an action as GitHub's runner would.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{report, tools};

/// The two forms of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Workflow,
    Action,
}

impl Form {
    fn file(self) -> PathBuf {
        let path = match self {
            Self::Workflow => ".github/workflows/publish-cloudevent.yml",
            Self::Action => "actions/publish-cloudevent/action.yml",
        };
        report::workspace_root().join(path)
    }
}

/// A call of the workflow, or a use of the action.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) form: Form,
    inputs: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    run: (u64, u32),
    artifact: Option<Vec<u8>>,
    payload: Vec<u8>,
    pub(crate) docker: bool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) log: String,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What was started through docker, one argument in a line.
    pub(crate) docker: String,
    /// What is left in the runner's temporary folder.
    pub(crate) left: Vec<String>,
}

impl Call {
    pub(crate) fn new(form: Form, inputs: &[(&str, &str)]) -> Self {
        let call = Self {
            form,
            inputs: BTreeMap::new(),
            secrets: BTreeMap::new(),
            run: (4711, 1),
            artifact: None,
            payload: b"{\"action\":\"opened\"}".to_vec(),
            docker: false,
        };
        inputs.iter().fold(call, |call, (name, value)| call.input(name, value))
    }

    pub(crate) fn input(mut self, name: &str, value: &str) -> Self {
        self.inputs.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A secret of the workflow; an input of the action.
    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        match self.form {
            Form::Workflow => self.secrets.insert(name.to_owned(), value.to_owned()),
            Form::Action => self.inputs.insert(name.to_owned(), value.to_owned()),
        };
        self
    }

    pub(crate) fn run(mut self, id: u64, attempt: u32) -> Self {
        self.run = (id, attempt);
        self
    }

    /// What the step before would have fetched.
    pub(crate) fn artifact(mut self, content: &[u8]) -> Self {
        self.artifact = Some(content.to_vec());
        self.input("data-artifact", "result")
    }

    /// The event that started the run, as the data.
    pub(crate) fn payload(mut self, content: &[u8]) -> Self {
        self.payload = content.to_vec();
        match self.form {
            Form::Workflow => self.input("event-payload", "true"),
            Form::Action => self.input("data-file", "event.json"),
        }
    }

    /// As on a runner without the command: the image is run by docker.
    pub(crate) fn by_docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Runs all steps, the first that fails being the last.
    pub(crate) fn end(&self) -> Ended {
        self.try_end().expect("the steps can be started")
    }

    pub(crate) fn try_end(&self) -> io::Result<Ended> {
        let place = Place::new(self);
        let mut ended = Ended {
            code: Some(0),
            log: String::new(),
            outputs: BTreeMap::new(),
            docker: String::new(),
            left: Vec::new(),
        };
        for step in self.steps() {
            let output = place.command(&step, self).stdin(Stdio::null()).output()?;
            ended.code = output.status.code();
            ended.log.push_str(&String::from_utf8_lossy(&output.stdout));
            ended.log.push_str(&String::from_utf8_lossy(&output.stderr));
            if ended.code != Some(0) {
                break;
            }
        }
        let read = |name: &str| fs::read_to_string(place.path(name)).unwrap_or_default();
        ended.outputs = read("output").lines().map(pair).collect();
        ended.docker = read("docker.log");
        let names = fs::read_dir(place.path("temp"))?.map(|entry| entry.unwrap().file_name());
        ended.left = names.map(|name| name.into_string().unwrap()).collect();
        Ok(ended)
    }

    fn steps(&self) -> Vec<Value> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workflows/steps.py");
        let mut python = Command::new("python3")
            .arg(program)
            .arg(self.form.file())
            .env("PYTHONPATH", tools::locate("python"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let contexts = json!({ "inputs": self.inputs, "secrets": self.secrets });
        python.stdin.take().unwrap().write_all(contexts.to_string().as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "{:?} cannot be read", self.form);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The folders of one job.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(call: &Call) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["temp", "bin", "workspace"] {
            fs::create_dir(place.path(folder)).unwrap();
        }
        for file in ["workspace/event.json", "payload.json"] {
            fs::write(place.path(file), &call.payload).unwrap();
        }
        if let Some(content) = &call.artifact {
            fs::create_dir_all(place.path("temp/event-data")).unwrap();
            fs::write(place.path("temp/event-data/result $(id)"), content).unwrap();
        }
        let binary = env!("CARGO_BIN_EXE_event-bus");
        if call.docker {
            // What docker would do: the rest of the line is for the entry point, with the named variables alone.
            let log = place.path("docker.log");
            let script = format!(
                "#!/bin/bash\nprintf '%s\\n' \"$@\" >>{log:?}\nkept=(PATH=/usr/bin)\n\
                 while [ \"$1\" != IMAGE ]; do\n\
                 case $1 in --env) kept+=(\"$2=${{!2}}\"); shift ;; esac\nshift\ndone\n\
                 exec env -i \"${{kept[@]}}\" {binary:?} \"${{@:2}}\"\n"
            );
            fs::write(place.path("bin/docker"), script).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(place.path("bin/docker"), mode).unwrap();
        } else {
            std::os::unix::fs::symlink(binary, place.path("bin/event-bus")).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, step: &Value, call: &Call) -> Command {
        let script = self.path("step.sh");
        fs::write(&script, step["run"].as_str().unwrap()).unwrap();
        assert_eq!(step["shell"], "bash");
        let mut command = Command::new("bash");
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail"])
            .arg(script)
            .current_dir(self.path("workspace"))
            .env_clear()
            .env("PATH", path)
            .env("GITHUB_RUN_ID", call.run.0.to_string())
            .env("GITHUB_RUN_ATTEMPT", call.run.1.to_string())
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_EVENT_PATH", self.path("payload.json"))
            .env("GITHUB_SERVER_URL", "https://github.com")
            .env("GITHUB_REPOSITORY", "example/shop")
            .env("GITHUB_ACTION_PATH", call.form.file().parent().unwrap())
            .env("RUNNER_TEMP", self.path("temp"));
        for (name, value) in step["env"].as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        command
    }
}

fn pair(line: &str) -> (String, String) {
    let (name, value) = line.split_once('=').expect("an output is NAME=VALUE");
    (name.to_owned(), value.to_owned())
}
