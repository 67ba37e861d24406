//! What lies between the socket and the protocol: nothing, or TLS.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::conversation::Conversation;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{Error, Handler, ServerOptions};

/// What connections are carried over: nothing but TCP, or TLS. For reporters that serve another protocol than HTTP with the same
/// [`ServerOptions`].
pub struct Transport {
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

/// A connection, as the protocol has it.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection for S {}

impl Transport {
    /// Reads the files of the TLS options, if there are any.
    ///
    /// # Errors
    ///
    /// When a file cannot be used.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "TCP needs no preparation"))]
    pub fn new(options: &ServerOptions) -> Result<Self, Error> {
        Ok(Self {
            #[cfg(feature = "tls")]
            tls: options.tls.clone().map(Tls::load).transpose()?,
        })
    }

    /// Takes a connection that was just accepted, once both sides agree on its encryption if there is any. How long that may take is up
    /// to the caller.
    ///
    /// The future fails when they do not agree.
    pub fn accept(
        &mut self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<Box<dyn Connection>>> + Send + use<> {
        #[cfg(feature = "tls")]
        let acceptor = self.tls.as_mut().map(Tls::acceptor);
        async move {
            #[cfg(feature = "tls")]
            if let Some(acceptor) = acceptor {
                return acceptor.accept(stream).await.map(|stream| Box::new(stream) as Box<dyn Connection>);
            }
            Ok(Box::new(stream) as Box<dyn Connection>)
        }
    }

    /// Holds a conversation over a connection that was just accepted.
    pub(crate) fn carry<H: Handler>(
        &mut self,
        stream: TcpStream,
        conversation: Conversation<H>,
    ) -> impl Future<Output = ()> + Send + use<H> {
        #[cfg(feature = "tls")]
        let acceptor = self.tls.as_mut().map(Tls::acceptor);
        async move {
            #[cfg(feature = "tls")]
            if let Some(acceptor) = acceptor {
                if let Some(stream) = conversation.begins(acceptor.accept(stream)).await {
                    conversation.hold(stream).await;
                }
                return;
            }
            conversation.hold(stream).await;
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}
