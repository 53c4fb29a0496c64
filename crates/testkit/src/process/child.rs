//! One child process, signalled by its own id and killed when dropped.

use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::poll;

/// A running child process. Dropping it sends SIGKILL and reaps it.
#[derive(Debug)]
pub struct Process {
    child: Mutex<Child>,
    pid: Pid,
}

impl Process {
    /// Starts `command` and panics when it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {:?}: {error}", command.get_program()),
        };
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("process ids are positive i32"));
        Self { child: Mutex::new(child), pid }
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// SIGKILL, and waits until the process is gone. Nothing happens when it has already ended.
    pub fn kill(&self) {
        let mut child = self.child();
        child.kill().expect("SIGKILL to an own child");
        child.wait().expect("reaping an own child");
    }

    /// SIGTERM: asks the process to stop, without waiting.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// SIGSTOP: the process keeps its connections and answers nothing, once this returns.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
        // The signal reaches each thread when the kernel comes to it.
        while !self.is_still() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// SIGCONT: undoes [`Process::pause`].
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Sends any signal; nothing happens when the process has ended.
    pub fn signal(&self, signal: Signal) {
        // Under the lock and only while not reaped, so that the id cannot belong to a stranger.
        let mut child = self.child();
        if child.try_wait().expect("asking for an own child").is_none() {
            kill(self.pid, signal).expect("signalling an own child");
        }
    }

    /// The exit status, once the process has ended.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("asking for an own child")
    }

    /// Waits for the end; `None` when it still runs after `within`.
    pub async fn wait(&self, within: Duration) -> Option<ExitStatus> {
        poll::try_poll(within, async || self.exited()).await
    }

    /// Resident memory in bytes, `None` once the process has ended.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
    }

    /// Whether every thread is stopped, or has ended.
    fn is_still(&self) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.pid())) else {
            return true;
        };
        threads.flatten().all(|thread| {
            let status = std::fs::read_to_string(thread.path().join("status"));
            let state = |text: &str| {
                text.lines().find_map(|line| line.strip_prefix("State:\t")?.chars().next())
            };
            status.is_err()
                || status.is_ok_and(|text| matches!(state(&text), Some('T' | 'Z' | 'X')))
        })
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Process {
        Process::spawn(Command::new("sleep").arg("600"))
    }

    #[tokio::test]
    async fn a_terminated_process_ends_and_a_killed_one_is_gone() {
        let process = sleeper();
        assert!(process.exited().is_none());
        assert!(process.resident_bytes().is_some_and(|bytes| bytes > 0));
        process.terminate();
        let status = process.wait(Duration::from_secs(10)).await.unwrap();
        assert!(!status.success());
        process.kill();
        process.pause();
    }

    #[tokio::test]
    async fn a_paused_process_stands_still_until_it_resumes() {
        let process = sleeper();
        let stopped = || {
            let status =
                std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
            status.contains("State:\tT")
        };
        let within = Duration::from_secs(10);
        process.pause();
        poll::poll_until(within, "the stop", async || stopped().then_some(())).await;
        process.resume();
        poll::poll_until(within, "the continuation", async || (!stopped()).then_some(())).await;
    }
}
