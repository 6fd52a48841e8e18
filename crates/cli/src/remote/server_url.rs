//! [`ServerUrl`]: where a server answers, as a person types it or a store's holder notes it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use url::{Host, Url};

/// An `http` or `https` URL of a server, with a path where it stands behind a proxy; no credentials, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    url: Url,
}

impl FromStr for ServerUrl {
    type Err = Error;

    /// Takes `http://host:port`, and `host:port` as short for it. An address that only a listener can have (`0.0.0.0`)
    /// becomes this machine's own.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&full)
            .with_context(|| format!("{text:?} is no URL of a server: write it like http://127.0.0.1:6170"))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("{text:?} is no URL of a server: it starts with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            bail!("a server's URL holds no password: put the token into a file and name it with --token-file");
        }
        if url.query().is_some() || url.fragment().is_some() {
            bail!("{text:?} is no URL of a server: leave away what follows the path");
        }
        let own = match url.host() {
            Some(Host::Ipv4(Ipv4Addr::UNSPECIFIED)) => Some(Ipv4Addr::LOCALHOST.into()),
            Some(Host::Ipv6(Ipv6Addr::UNSPECIFIED)) => Some(Ipv6Addr::LOCALHOST.into()),
            Some(_) => None,
            None => bail!("{text:?} names no host"),
        };
        if let Some(address) = own {
            // Only URLs that cannot have a host refuse one.
            let _ = url.set_ip_host(address);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { url })
    }
}

impl ServerUrl {
    /// The URL of a resource; `path` starts with a slash.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    /// Whether bytes to it never leave this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// `host:port`, the port always there, as a socket is connected to and as the `Host` header names it.
    pub(crate) fn authority(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or(80);
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ServerUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_and_port_are_enough() {
        assert_eq!(parsed("127.0.0.1:6170").to_string(), "http://127.0.0.1:6170");
        assert_eq!(parsed("annals.example").authority(), "annals.example:80");
        assert_eq!(parsed("https://annals.example/").authority(), "annals.example:443");
        assert_eq!(parsed("http://[::1]:6170").authority(), "[::1]:6170");
    }

    #[test]
    fn resources_stand_below_the_path_of_a_proxy() {
        assert_eq!(parsed("http://proxy/annals/").join("/v1/sql").as_str(), "http://proxy/annals/v1/sql");
        assert_eq!(parsed("http://proxy").join("/v1/sql").as_str(), "http://proxy/v1/sql");
    }

    #[test]
    fn where_a_server_listens_becomes_where_it_can_be_reached() {
        assert_eq!(parsed("http://0.0.0.0:6170").to_string(), "http://127.0.0.1:6170");
        assert_eq!(parsed("http://[::]:6170").to_string(), "http://[::1]:6170");
    }

    #[test]
    fn loopback_is_told_from_the_network() {
        assert!(parsed("http://127.0.0.1:1").is_loopback() && parsed("localhost:1").is_loopback());
        assert!(parsed("http://[::1]:1").is_loopback());
        assert!(!parsed("http://10.0.0.1").is_loopback() && !parsed("http://localhost.example").is_loopback());
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for text in ["", "ftp://host", "http://", "http://a:b@host", "http://host/?x=1", "http://host/#x", "a b"] {
            assert!(text.parse::<ServerUrl>().is_err(), "{text:?}");
        }
        let message = "http://:secret@host".parse::<ServerUrl>().unwrap_err().to_string();
        assert!(!message.contains("secret") && message.contains("--token-file"), "{message}");
    }
}
