//! Connections between all TaskManagers of a job.
//!
//! Timely can make them itself, from a list of ports that must be free beforehand, with a second between two tries.
//! Here each TaskManager listens first and tells where, so the ports are free and nobody waits.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How long another TaskManager may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connection may take to introduce itself.
const INTRODUCTION_PATIENCE: Duration = Duration::from_secs(1);

/// Connects to all TaskManagers of lower number and awaits all of higher number.
///
/// The connection to each other is at its number, with nothing at our own.
pub(crate) fn connect(
    listener: &TcpListener,
    addresses: &[SocketAddr],
    index: usize,
    token: &str,
) -> io::Result<Vec<Option<TcpStream>>> {
    let mut streams: Vec<Option<TcpStream>> = addresses.iter().map(|_| None).collect();
    for (stream, address) in streams.iter_mut().zip(addresses).take(index) {
        let mut connection = TcpStream::connect(address)?;
        connection.set_nodelay(true)?;
        connection.write_all(&introduction(index, token))?;
        *stream = Some(connection);
    }
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + PATIENCE;
    while streams.iter().skip(index + 1).any(Option::is_none) {
        let mut connection = match listener.accept() {
            Ok((connection, _)) => connection,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            Err(error) => return Err(error),
        };
        connection.set_nonblocking(false)?;
        connection.set_nodelay(true)?;
        connection.set_read_timeout(Some(INTRODUCTION_PATIENCE))?;
        let mut said = vec![0; introduction(0, token).len()];
        // Whoever does not know the token is none of us.
        let Ok(()) = connection.read_exact(&mut said) else { continue };
        let other = (index + 1..addresses.len()).find(|other| said == introduction(*other, token));
        if let Some(other) = other {
            connection.set_read_timeout(None)?;
            streams[other] = Some(connection);
        }
    }
    Ok(streams)
}

fn introduction(index: usize, token: &str) -> Vec<u8> {
    [&(index as u64).to_be_bytes(), token.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_connected_with_all_and_strangers_with_none() {
        const COUNT: usize = 4;
        let listeners: Vec<_> = (0..COUNT).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let mut stranger = TcpStream::connect(addresses[0]).unwrap();
        stranger.write_all(&introduction(1, "not that token")).unwrap();
        let silent = TcpStream::connect(addresses[1]).unwrap();
        drop(silent);
        let handles: Vec<_> = listeners
            .into_iter()
            .enumerate()
            .map(|(index, listener)| {
                let addresses = addresses.clone();
                thread::spawn(move || {
                    let streams = connect(&listener, &addresses, index, "the very token").unwrap();
                    // Each says its number to each.
                    for mut stream in streams.iter().flatten() {
                        stream.write_all(&[index as u8]).unwrap();
                    }
                    for (other, stream) in streams.iter().enumerate() {
                        assert_eq!(stream.is_none(), other == index);
                        let Some(mut stream) = stream.as_ref() else { continue };
                        let mut said = [0];
                        stream.read_exact(&mut said).unwrap();
                        assert_eq!(usize::from(said[0]), other);
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    }
}
