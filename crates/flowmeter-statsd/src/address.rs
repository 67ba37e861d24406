//! Where a daemon listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use flowmeter_core::{ConfigValue, FromConfig};

/// The port that StatsD daemons listen on.
pub const DEFAULT_PORT: u16 = 8125;

/// Where a daemon listens, as a URL:
///
/// | URL | what is sent there |
/// |---|---|
/// | `udp://host:8125` | datagrams; an IPv6 address has brackets, and the port can be left out |
/// | `tcp://host:8125` | lines |
/// | `unixgram:///path`, `unix:///path` | datagrams to a Unix socket, as most daemons and Datadog's Agent have it |
/// | `unixstream:///path` | lines; DogStatsD's as packets with their length in front, four bytes little-endian |
///
/// ```
/// use flowmeter_statsd::Address;
///
/// let address: Address = "udp://[::1]".parse()?;
/// assert_eq!(address.to_string(), "udp://[::1]:8125");
/// # Ok::<(), flowmeter_statsd::ParseAddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A host name or an IP address, without brackets, and a port: datagrams.
    Udp(String, u16),
    /// A host name or an IP address, without brackets, and a port: lines.
    Tcp(String, u16),
    /// The path of a Unix socket that takes datagrams.
    UnixDatagram(PathBuf),
    /// The path of a Unix socket that takes connections.
    UnixStream(PathBuf),
}

impl Default for Address {
    /// UDP port 8125 of this host.
    fn default() -> Self {
        Self::Udp("127.0.0.1".to_owned(), DEFAULT_PORT)
    }
}

/// Why a text is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseAddressError {
    /// The URL begins with something else.
    #[error("it begins with none of `udp://`, `tcp://`, `unixgram://`, `unix://` and `unixstream://`")]
    Scheme,
    /// There is no host.
    #[error("it has no host")]
    Host,
    /// What is behind the host is no port.
    #[error("`{0}` is no port")]
    Port(String),
    /// There is no path, or it is too long for a socket.
    #[error("a Unix socket has an absolute path of at most 107 bytes")]
    Path,
}

/// What the kernel has room for, without the zero at the end. Some systems have four bytes less.
const LONGEST_PATH: usize = 107;

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or(ParseAddressError::Scheme)?;
        match scheme {
            "udp" => host_and_port(rest).map(|(host, port)| Self::Udp(host, port)),
            "tcp" => host_and_port(rest).map(|(host, port)| Self::Tcp(host, port)),
            "unix" | "unixgram" => path(rest).map(Self::UnixDatagram),
            "unixstream" => path(rest).map(Self::UnixStream),
            _ => Err(ParseAddressError::Scheme),
        }
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), ParseAddressError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or(ParseAddressError::Host)?;
            match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if rest.is_empty() => (host, None),
                None => return Err(ParseAddressError::Port(rest.to_owned())),
            }
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err(ParseAddressError::Host);
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => match port.parse() {
            Ok(number) if number > 0 => number,
            _ => return Err(ParseAddressError::Port(port.to_owned())),
        },
    };
    Ok((host.to_owned(), port))
}

fn path(text: &str) -> Result<PathBuf, ParseAddressError> {
    if text.starts_with('/') && text.len() <= LONGEST_PATH && !text.contains('\0') {
        Ok(PathBuf::from(text))
    } else {
        Err(ParseAddressError::Path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host_and_port = |f: &mut fmt::Formatter<'_>, scheme: &str, host: &str, port: &u16| {
            if host.contains(':') {
                write!(f, "{scheme}://[{host}]:{port}")
            } else {
                write!(f, "{scheme}://{host}:{port}")
            }
        };
        match self {
            Self::Udp(host, port) => host_and_port(f, "udp", host, port),
            Self::Tcp(host, port) => host_and_port(f, "tcp", host, port),
            Self::UnixDatagram(path) => write!(f, "unixgram://{}", path.display()),
            Self::UnixStream(path) => write!(f, "unixstream://{}", path.display()),
        }
    }
}

impl FromConfig for Address {
    const EXPECTED: &'static str =
        "`udp://host:8125`, `tcp://host:8125`, `unixgram:///path` or `unixstream:///path`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        value.text()?.parse().map_err(|error: ParseAddressError| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        for (text, written) in [
            ("udp://localhost:8125", "udp://localhost:8125"),
            ("udp://10.0.0.1", "udp://10.0.0.1:8125"),
            ("udp://[::1]:1/", "udp://[::1]:1"),
            ("tcp://statsd.example.org:65535", "tcp://statsd.example.org:65535"),
            ("unix:///var/run/d.sock", "unixgram:///var/run/d.sock"),
            ("unixgram:///a b", "unixgram:///a b"),
            ("unixstream:///a:b", "unixstream:///a:b"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(written.parse(), Ok(address));
        }
        assert_eq!(Address::default().to_string(), "udp://127.0.0.1:8125");
    }

    #[test]
    fn what_is_none_is_told() {
        let port = |text: &str| ParseAddressError::Port(text.to_owned());
        for (text, error) in [
            ("localhost:8125", ParseAddressError::Scheme),
            ("http://localhost", ParseAddressError::Scheme),
            ("udp://", ParseAddressError::Host),
            ("udp://:8125", ParseAddressError::Host),
            ("udp://[::1", ParseAddressError::Host),
            ("udp://a b", ParseAddressError::Host),
            ("udp://a:b", port("b")),
            ("udp://a:0", port("0")),
            ("udp://a:65536", port("65536")),
            ("udp://::1", ParseAddressError::Host),
            ("udp://[::1]1", port("1")),
            ("unix://relative", ParseAddressError::Path),
            ("unixstream://", ParseAddressError::Path),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
        let long = format!("unixgram:///{}", "x".repeat(LONGEST_PATH));
        assert_eq!(long.parse::<Address>(), Err(ParseAddressError::Path));
    }
}
