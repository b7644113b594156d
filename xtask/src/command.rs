//! Child processes, with errors that name the command and what it said.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead as _, BufReader, ErrorKind, PipeReader, pipe},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::PathBuf,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Error, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::report;

/// How often to look whether a child has ended.
const POLL: Duration = Duration::from_millis(50);
/// How often a long step shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Lines of a failed step's output that are shown.
const TAIL: usize = 25;

/// Where to look for programs. A user's `PATH` often lacks the administrator's directories, in
/// which `ip` and `tc` may be.
pub fn search_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    dirs
}

/// The path of a program, if it is installed.
pub fn find(program: &str) -> Option<PathBuf> {
    let mut candidates = search_path().into_iter().map(|dir| dir.join(program));
    candidates.find(|candidate| candidate.is_file())
}

/// A command that reads nothing and finds programs as [`find`] does.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    if let Ok(path) = env::join_paths(search_path()) {
        command.env("PATH", path);
    }
    command
}

/// The same, of words separated by blanks.
pub fn command_line(words: &str) -> Command {
    let mut words = words.split_whitespace();
    let mut command = command(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// A command as it would be typed.
pub fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// Runs a command that shows its own output.
pub fn check(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| unstarted(command, error))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(command, status, ""))
}

/// Runs a command and returns its standard output; its standard error is part of the error.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| unstarted(command, error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(command, output.status, said.trim()))
}

/// Becomes another program, which then has this one's terminal, signals and exit code.
pub fn become_program(command: &mut Command) -> Result<ExitCode> {
    let error = command.stdin(Stdio::inherit()).exec();
    Err(unstarted(command, error))
}

/// Runs a command that takes long and says much: shows its latest line now and then, and all
/// that matters if it fails.
pub fn patiently(command: &mut Command, limit: Option<Duration>) -> Result<()> {
    let (reader, writer) = pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().map_err(|error| unstarted(command, error))?;
    // The command holds the pipe's other end: the reader would wait for it for ever.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let lines = Lines::default();
    let collector = thread::spawn({
        let lines = lines.clone();
        move || lines.collect(reader)
    });
    let Some(status) = wait_with_heartbeat(&mut child, &lines, limit)? else {
        bail!("`{}` took too long and was stopped", shown(command));
    };
    let _ = collector.join();
    if status.success() {
        return Ok(());
    }
    Err(failed(command, status, &lines.tail()))
}

fn wait_with_heartbeat(
    child: &mut Child,
    lines: &Lines,
    limit: Option<Duration>,
) -> Result<Option<ExitStatus>> {
    let begin = Instant::now();
    let mut next = HEARTBEAT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let elapsed = begin.elapsed();
        if limit.is_some_and(|limit| elapsed > limit) {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        if elapsed > next {
            report::detail(format_args!("{:3} s  {}", elapsed.as_secs(), lines.last()));
            next += HEARTBEAT;
        }
        thread::sleep(POLL);
    }
}

/// What a child has printed so far.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn collect(&self, reader: PipeReader) {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            self.with(|lines| lines.push(line));
        }
    }

    fn last(&self) -> String {
        let mut line = self.with(|lines| lines.last().cloned()).unwrap_or_default();
        if let Some((end, _)) = line.char_indices().nth(80) {
            line.truncate(end);
        }
        line
    }

    fn tail(&self) -> String {
        self.with(|lines| lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<String>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn unstarted(command: &Command, error: std::io::Error) -> Error {
    let program = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        return anyhow!("`{program}` is not installed: run `cargo xtask setup`");
    }
    Error::new(error).context(format!("cannot run `{program}`"))
}

fn failed(command: &Command, status: ExitStatus, said: &str) -> Error {
    let command = shown(command);
    match said {
        "" => anyhow!("`{command}` failed ({status})"),
        said => anyhow!("`{command}` failed ({status}): {said}"),
    }
}

/// A child that does not outlive its owner, and that a terminal's Ctrl-C does not reach: its owner
/// decides what a signal means for it.
pub struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command.process_group(0).spawn();
        Ok(Self { child: child.map_err(|error| unstarted(command, error))?, name: shown(command) })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Asks it to finish, unless it has ended, and waits for it.
    pub fn finish(&mut self, patience: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        let id = Pid::from_raw(self.child.id().cast_signed()).context("a process without an id")?;
        kill_process(id, Signal::INT)?;
        if !wait_until(patience, || Ok(self.ended()?.is_some()))? {
            bail!("`{}` did not end when interrupted; it was killed", self.name);
        }
        self.ended()?.context("an ended process without a status")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `done` holds; returns whether it did in time.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<bool> {
    let begin = Instant::now();
    while !done()? {
        if begin.elapsed() > limit {
            return Ok(false);
        }
        thread::sleep(POLL);
    }
    Ok(true)
}

/// A child's exit code as a shell would report it.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupts::Interrupts;

    #[test]
    fn failure_names_command_and_reason() {
        let error = output(&mut command_line("ls /nonexistent")).unwrap_err().to_string();
        assert!(error.contains("`ls /nonexistent` failed"), "{error}");
        assert!(error.contains("No such file"), "{error}");
        let error = output(&mut command("vtap-nonexistent")).unwrap_err().to_string();
        assert!(error.contains("`vtap-nonexistent` is not installed"), "{error}");
    }

    #[test]
    fn patience_has_a_limit() {
        let limit = Some(Duration::from_millis(200));
        assert!(patiently(&mut command_line("sleep 30"), limit).is_err());
        assert!(patiently(&mut command_line("true"), limit).is_ok());
        let error = patiently(&mut command_line("ls /nonexistent"), None).unwrap_err();
        assert!(error.to_string().contains("No such file"));
    }

    #[test]
    fn interrupted_child_ends() {
        // As callers do. A shell's background job ignores interrupts, and so would its children.
        let _interrupts = Interrupts::watch().unwrap();
        let mut running = Running::start(&mut command_line("sleep 30")).unwrap();
        assert!(running.ended().unwrap().is_none());
        let status = running.finish(Duration::from_secs(5)).unwrap();
        assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
        assert_eq!(exit_code(status), ExitCode::from(130));
    }
}
