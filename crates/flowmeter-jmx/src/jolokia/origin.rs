//! Which pages may ask.

use std::net::IpAddr;

use super::problem::Problem;

/// Who may ask besides programs: pages in browsers, which say where they are from.
///
/// A browser that can reach the server would ask for any page that its user opens. So pages of this host may ask, and those of
/// origins that are named; and what was asked under a name that is not this host's is a page that has its own name point here.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    named: Vec<String>,
    /// Whether only this host reaches the server, which is then asked by no other name.
    is_loopback: bool,
}

/// Who may read an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Whoever has asked: it is no page, or does not say where it is from.
    Unnamed,
    /// Pages of the origin that has asked.
    Origin,
    /// Any page, but without credentials of the browser's.
    Everyone,
}

impl Origins {
    pub(super) fn new(named: &[String], address: IpAddr) -> Self {
        let named = named.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect();
        Self { named, is_loopback: address.is_loopback() }
    }

    /// Whether a request from an origin, if it says one, to a host may be answered, and who may read the answer.
    pub(super) fn check(&self, origin: Option<&str>, host: Option<&str>) -> Result<Readers, Problem> {
        if let Some(host) = host
            && self.is_loopback
            && !self.is_known_host(host)
        {
            return Err(Problem::security(format!("Host {host} is not allowed to call this agent")));
        }
        let Some(origin) = origin else { return Ok(Readers::Unnamed) };
        if self.named.iter().any(|named| named == "*") {
            return Ok(Readers::Everyone);
        }
        let is_named = self.named.iter().any(|named| named.eq_ignore_ascii_case(origin));
        let from = origin.split_once("://").map(|(_, authority)| authority);
        let is_own = from.is_some_and(|from| Some(from) == host || is_this_host(from));
        if is_named || is_own {
            return Ok(Readers::Origin);
        }
        Err(Problem::security(format!("Origin {origin} is not allowed to call this agent")))
    }

    fn is_known_host(&self, host: &str) -> bool {
        let is_named = |named: &String| {
            named == "*" || named.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host))
        };
        name_of(host).parse::<IpAddr>().is_ok() || is_this_host(host) || self.named.iter().any(is_named)
    }
}

/// A host without its port and the brackets of an address.
fn name_of(authority: &str) -> &str {
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    authority.split_once(':').map_or(authority, |(name, _)| name)
}

fn is_this_host(authority: &str) -> bool {
    let name = name_of(authority).to_ascii_lowercase();
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(named: &[&str], address: &str) -> Origins {
        let named: Vec<_> = named.iter().map(|origin| (*origin).to_owned()).collect();
        Origins::new(&named, address.parse().unwrap())
    }

    fn may(origins: &Origins, origin: Option<&str>, host: &str) -> Option<Readers> {
        origins.check(origin, Some(host)).ok()
    }

    #[test]
    fn pages_of_this_host_may_ask_and_no_others() {
        let here = origins(&[], "127.0.0.1");
        let host = "127.0.0.1:8778";
        assert_eq!(may(&here, None, host), Some(Readers::Unnamed));
        for origin in [
            "http://localhost",
            "https://LOCALHOST:3000",
            "http://127.0.0.2:1",
            "http://[::1]:80",
            "http://a.localhost",
        ] {
            assert_eq!(may(&here, Some(origin), host), Some(Readers::Origin), "{origin}");
        }
        for origin in [
            "http://x.example",
            "null",
            "",
            "localhost",
            "http://localhost.example",
            "http://127.0.0.1.example:80",
            "http://localhost@x.example",
        ] {
            assert_eq!(may(&here, Some(origin), host), None, "{origin}");
        }
        assert_eq!(
            here.check(Some("http://x.example"), None),
            Err(Problem::security("Origin http://x.example is not allowed to call this agent"))
        );
    }

    #[test]
    fn pages_that_have_their_name_point_here_are_refused() {
        let here = origins(&[], "127.0.0.1");
        for host in ["localhost:8778", "127.0.0.1", "[::1]:8778", "10.0.0.1:8778"] {
            assert_eq!(may(&here, None, host), Some(Readers::Unnamed), "{host}");
        }
        for host in ["x.example", "x.example:8778", "localhost.x.example", ""] {
            assert_eq!(may(&here, None, host), None, "{host}");
        }
        // Where other hosts come from they use its name.
        let open = origins(&[], "0.0.0.0");
        assert_eq!(may(&open, None, "metrics.example:8778"), Some(Readers::Unnamed));
        assert_eq!(
            may(&open, Some("http://metrics.example:8778"), "metrics.example:8778"),
            Some(Readers::Origin)
        );
        assert_eq!(may(&open, Some("http://x.example"), "metrics.example:8778"), None);
    }

    #[test]
    fn origins_can_be_named() {
        let named = origins(&["https://Console.example/"], "127.0.0.1");
        assert_eq!(may(&named, Some("https://console.example"), "localhost"), Some(Readers::Origin));
        assert_eq!(may(&named, Some("http://console.example"), "localhost"), None);
        assert_eq!(may(&named, None, "console.example"), Some(Readers::Unnamed), "a proxy keeps the name");
        let all = origins(&["*"], "127.0.0.1");
        assert_eq!(may(&all, Some("null"), "x.example"), Some(Readers::Everyone));
    }
}
