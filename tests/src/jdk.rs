//! Programs in Java, which use the JDK's own client and server of JMX.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::backends::program;
use crate::{Folder, ports};

/// A JDK, with programs that it has compiled.
pub struct Jdk {
    java: PathBuf,
    keytool: PathBuf,
    classes: Folder,
}

/// A Java program that serves JMX.
#[derive(Debug)]
pub struct JavaServer {
    process: Child,
    url: String,
}

impl Jdk {
    /// Finds it and compiles programs; nothing if it is not installed, in which case the test is to return.
    ///
    /// # Panics
    ///
    /// When they do not compile.
    #[must_use]
    pub fn with_programs(test: &str, sources: &[&str]) -> Option<Self> {
        let (javac, java) = (program(test, "javac")?, program(test, "java")?);
        let keytool = program(test, "keytool")?;
        let classes = Folder::new("java");
        let sources = sources.iter().map(|source| Path::new(env!("CARGO_MANIFEST_DIR")).join(source));
        let mut command = Command::new(javac);
        command.arg("-d").arg(classes.path()).args(sources);
        assert!(command.status().expect("javac runs").success(), "a program does not compile");
        Some(Self { java, keytool, classes })
    }

    /// Runs a program. Returns what it has written.
    ///
    /// # Panics
    ///
    /// When it cannot be run, or fails.
    #[must_use]
    pub fn run(&self, properties: &[&str], program: &str, arguments: &[&str]) -> String {
        let output = self.command(properties, program, arguments).output().expect("java runs");
        let written = String::from_utf8(output.stdout).expect("it writes UTF-8");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} fails: {said}\n{written}");
        written
    }

    /// Has the JDK's tool for keys and certificates do something, with this as the password of stores.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn keytool(&self, password: &str, arguments: &[&str]) {
        let mut command = Command::new(&self.keytool);
        command.args(arguments).args(["-storepass", password, "-storetype", "PKCS12"]);
        let output = command.output().expect("keytool runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Starts a program that serves JMX by the JDK's own server, and says `ready` when it does.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn serve(&self, program: &str, arguments: &[&str]) -> JavaServer {
        let port = ports::free(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let ports = ["port", "rmi.port"].map(|key| format!("-Dcom.sun.management.jmxremote.{key}={port}"));
        let properties = [
            &*ports[0],
            &*ports[1],
            "-Dcom.sun.management.jmxremote.host=127.0.0.1",
            "-Djava.rmi.server.hostname=127.0.0.1",
            "-Dcom.sun.management.jmxremote.authenticate=false",
            "-Dcom.sun.management.jmxremote.ssl=false",
        ];
        let mut command = self.command(&properties, program, arguments);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("java runs");
        let output = process.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(output).lines();
        let is_ready = lines.any(|line| line.is_ok_and(|line| line == "ready"));
        assert!(is_ready, "{program} does not serve");
        let url = format!("service:jmx:rmi:///jndi/rmi://127.0.0.1:{port}/jmxrmi");
        JavaServer { process, url }
    }

    fn command(&self, properties: &[&str], program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.java);
        command.args(properties).arg("-Dfile.encoding=UTF-8").arg("-cp").arg(self.classes.path());
        command.arg(program).args(arguments);
        command
    }
}

impl JavaServer {
    /// Where it serves.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for JavaServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
