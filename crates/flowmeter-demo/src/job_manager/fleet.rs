//! The TaskManagers of a job: processes that are started, listened to, and never left behind.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::Join;
use crate::control::{FromTaskManager, Receiver, Sender, Setup, TOKEN_VARIABLE, ToTaskManager, ends};
use crate::interrupts::Interrupts;
use crate::job::Truth;
use crate::serving::Endpoints;
use crate::task_manager::id;

/// How long TaskManagers may take to start, and to end after they were told to.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take to say who it is.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);
/// How long a TaskManager may say nothing while it works. It has something to say several times a second.
const SILENCE: Duration = Duration::from_secs(15);
/// How long to wait for the exit status of a TaskManager whose connection is gone.
const EXIT_PATIENCE: Duration = Duration::from_secs(1);

/// All TaskManagers. Those that still run when it is dropped are killed.
pub(super) struct Fleet {
    members: Vec<Member>,
    events: mpsc::Receiver<(usize, Said)>,
    interrupts: Interrupts,
    /// How many interrupts have had their effect already.
    minded: usize,
}

struct Member {
    child: Child,
    sender: Sender<ToTaskManager>,
    mesh: SocketAddr,
    finished: bool,
    /// How long it has said nothing, as far as this process was running then.
    silent: Duration,
    exited: Option<ExitStatus>,
}

/// What comes in from a TaskManager.
enum Said {
    Message(FromTaskManager),
    Gone,
}

/// What happens while a job runs.
pub(super) enum Event {
    Progress(usize, u64),
    Output(Vec<String>),
    Finished(Truth),
    /// The user wants it to end.
    Interrupted,
    Nothing,
}

/// Children that are killed unless they become members of a fleet.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(end_child);
    }
}

fn end_child(child: &mut Child) {
    // Neither fails for a child that was not waited for.
    let _ = child.kill();
    let _ = child.wait();
}

impl Fleet {
    /// Starts processes and waits until all have connected.
    pub(super) fn start(
        count: usize,
        first_reads_stdin: bool,
        interrupts: Interrupts,
    ) -> Result<Self, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let job_manager = listener.local_addr().map_err(|error| error.to_string())?;
        let token = super::random_id();
        let mut children = Children(Vec::new());
        for index in 0..count {
            let stdin = if first_reads_stdin && index == 0 { Stdio::inherit() } else { Stdio::null() };
            children.0.push(spawn(Join { index, job_manager }, &token, stdin)?);
        }
        let (said, events) = mpsc::channel();
        let mut connected = accept(&listener, &mut children.0, &token)?;
        let mut members = Vec::new();
        for (index, child) in std::mem::take(&mut children.0).into_iter().enumerate() {
            let Some((sender, mut receiver, mesh)) = connected[index].take() else { continue };
            let said = said.clone();
            thread::spawn(move || {
                while let Ok(Some(message)) = receiver.receive() {
                    if said.send((index, Said::Message(message))).is_err() {
                        return;
                    }
                }
                let _ = said.send((index, Said::Gone));
            });
            let silent = Duration::ZERO;
            members.push(Member { child, sender, mesh, finished: false, silent, exited: None });
        }
        Ok(Self { members, events, interrupts, minded: 0 })
    }

    /// Has one TaskManager after the other start its reporters, so that they take ports in order. Returns where each
    /// serves.
    pub(super) fn set_up(
        &mut self,
        setup: &Setup,
        mut started: impl FnMut(usize, u32, &Endpoints),
    ) -> Result<Vec<Endpoints>, String> {
        let mut all = Vec::new();
        for index in 0..self.members.len() {
            self.tell(index, &ToTaskManager::Setup(Box::new(setup.clone())))?;
            let deadline = Instant::now() + PATIENCE;
            loop {
                match self.receive(Duration::from_millis(100))? {
                    Some((_, FromTaskManager::Started { endpoints })) => {
                        started(index, self.members[index].child.id(), &endpoints);
                        all.push(endpoints);
                        break;
                    }
                    _ if Instant::now() > deadline => {
                        return Err(format!("TaskManager {} did not start within {PATIENCE:?}", id(index)));
                    }
                    _ => {}
                }
            }
        }
        Ok(all)
    }

    /// Has all TaskManagers connect to each other and begin.
    pub(super) fn begin(&mut self) -> Result<(), String> {
        let addresses = self.members.iter().map(|member| member.mesh).collect();
        self.tell_all(&ToTaskManager::Mesh(addresses))
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn unfinished(&self) -> usize {
        self.members.iter().filter(|member| !member.finished).count()
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupts.so_far() > self.minded
    }

    /// From now on so many interrupts are none.
    pub(super) fn mind_further_interrupts(&mut self, minded: usize) {
        self.minded = minded;
    }

    /// What happens next, within so much time.
    pub(super) fn next(&mut self, patience: Duration) -> Result<Event, String> {
        let began = Instant::now();
        let received = self.receive(patience)?;
        // A process that was stopped itself does not blame others for the time.
        self.note_silence(began.elapsed().min(2 * patience), received.as_ref().map(|(index, _)| *index))?;
        Ok(match received {
            Some((index, FromTaskManager::Progress { source_records })) => {
                Event::Progress(index, source_records)
            }
            Some((_, FromTaskManager::Output(lines))) => Event::Output(lines),
            Some((index, FromTaskManager::Finished { truth })) => {
                self.members[index].finished = true;
                Event::Finished(truth)
            }
            _ if self.is_interrupted() => Event::Interrupted,
            _ => Event::Nothing,
        })
    }

    pub(super) fn tell_all(&mut self, message: &ToTaskManager) -> Result<(), String> {
        (0..self.members.len()).try_for_each(|index| self.tell(index, message))
    }

    /// Waits until all TaskManagers have ended, which each does once it is scraped or the time is over.
    pub(super) fn wait_ended(&mut self, time: Duration) -> Result<(), String> {
        let began = Instant::now();
        while !self.is_interrupted() {
            self.note_ended()?;
            if self.members.iter().all(|member| member.exited.is_some()) {
                return Ok(());
            }
            if began.elapsed() > time.saturating_add(PATIENCE) {
                return Err("a TaskManager did not end".to_owned());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Waits until the time is over, with all TaskManagers there.
    pub(super) fn stay(&mut self, time: Duration) -> Result<(), String> {
        let began = Instant::now();
        while !self.is_interrupted() && began.elapsed() < time {
            self.note_ended()?;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Notes which TaskManagers have ended; an error if one did before its time.
    fn note_ended(&mut self) -> Result<(), String> {
        for member in self.members.iter_mut().filter(|member| member.exited.is_none()) {
            member.exited = member.child.try_wait().map_err(|error| error.to_string())?;
        }
        let Some((index, status)) = self.failed() else { return Ok(()) };
        Err(format!("lost TaskManager {}", describe(index, &self.members[index].child, status)))
    }

    fn note_silence(&mut self, passed: Duration, heard: Option<usize>) -> Result<(), String> {
        for (index, member) in self.members.iter_mut().enumerate().filter(|(_, member)| !member.finished) {
            member.silent = if heard == Some(index) { Duration::ZERO } else { member.silent + passed };
            if member.silent > SILENCE {
                let pid = member.child.id();
                return Err(format!(
                    "TaskManager {} (process {pid}) has said nothing for {SILENCE:?}",
                    id(index)
                ));
            }
        }
        Ok(())
    }

    fn failed(&self) -> Option<(usize, ExitStatus)> {
        let exited =
            self.members.iter().enumerate().filter_map(|(index, member)| Some((index, member.exited?)));
        exited.into_iter().find(|(_, status)| !status.success())
    }

    fn tell(&mut self, index: usize, message: &ToTaskManager) -> Result<(), String> {
        match self.members[index].sender.send(message) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(format!("cannot tell TaskManager {}: {error}", id(index)))
            }
            Err(_) => Err(self.loss(index)),
        }
    }

    /// The next message of any TaskManager; an error if one is lost before it has finished.
    fn receive(&mut self, patience: Duration) -> Result<Option<(usize, FromTaskManager)>, String> {
        match self.events.recv_timeout(patience) {
            Ok((index, Said::Message(FromTaskManager::Failed { message }))) => {
                Err(format!("TaskManager {}: {message}", id(index)))
            }
            Ok((index, Said::Message(message))) => Ok(Some((index, message))),
            Ok((index, Said::Gone)) if !self.members[index].finished => Err(self.loss(index)),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Why a TaskManager is gone.
    fn loss(&mut self, index: usize) -> String {
        let child = &mut self.members[index].child;
        let deadline = Instant::now() + EXIT_PATIENCE;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                Ok(None) | Err(_) => break None,
            }
        };
        // What it said last, if it said why.
        while let Ok((other, said)) = self.events.try_recv() {
            if let (true, Said::Message(FromTaskManager::Failed { message })) = (other == index, said) {
                return format!("TaskManager {}: {message}", id(index));
            }
        }
        match status {
            Some(status) => format!("lost TaskManager {}", describe(index, child, status)),
            None => format!("lost the connection to TaskManager {}", id(index)),
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in self.members.iter_mut().filter(|member| member.exited.is_none()) {
            end_child(&mut member.child);
        }
    }
}

fn describe(index: usize, child: &Child, status: ExitStatus) -> String {
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(code)) => format!("ended with code {code}"),
        (None, None) => "ended".to_owned(),
    };
    format!("{} (process {}): it {how}", id(index), child.id())
}

fn spawn(join: Join, token: &str, stdin: Stdio) -> Result<Child, String> {
    let cannot = |error: io::Error| format!("cannot start a TaskManager: {error}");
    let mut child = Command::new(env::current_exe().map_err(cannot)?)
        .args(["--join", &join.to_string()])
        .env(TOKEN_VARIABLE, token)
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    if let Some(stderr) = child.stderr.take() {
        // Its log lines become ours, with its name in front.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = writeln!(io::stderr(), "{}: {line}", id(join.index));
            }
        });
    }
    Ok(child)
}

type Connected = (Sender<ToTaskManager>, Receiver<FromTaskManager>, SocketAddr);

/// Waits until every child has said hello.
fn accept(
    listener: &TcpListener,
    children: &mut [Child],
    expected: &str,
) -> Result<Vec<Option<Connected>>, String> {
    listener.set_nonblocking(true).map_err(|error| error.to_string())?;
    let mut connected: Vec<Option<Connected>> = children.iter().map(|_| None).collect();
    let deadline = Instant::now() + PATIENCE;
    while let Some(missing) = connected.iter().position(Option::is_none) {
        match listener.accept() {
            Ok((stream, _)) => {
                let hello = stream.set_nonblocking(false).and_then(|()| ends(stream)).and_then(
                    |(sender, mut receiver): (_, Receiver<FromTaskManager>)| {
                        receiver.set_patience(Some(HELLO_PATIENCE))?;
                        let hello = receiver.receive()?;
                        receiver.set_patience(None)?;
                        Ok((sender, receiver, hello))
                    },
                );
                // Whoever does not know the token is none of ours.
                if let Ok((sender, receiver, Some(FromTaskManager::Hello { index, token, mesh }))) = hello
                    && token == expected
                    && let Some(place) = connected.get_mut(index)
                {
                    *place = Some((sender, receiver, mesh));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if let Ok(Some(status)) = children[missing].try_wait() {
                    return Err(format!("TaskManager {}", describe(missing, &children[missing], status)));
                }
                if Instant::now() > deadline {
                    return Err(format!("TaskManager {} did not start within {PATIENCE:?}", id(missing)));
                }
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(format!("cannot be reached by TaskManagers: {error}")),
        }
    }
    Ok(connected)
}
