//! What lies between the socket and HTTP: nothing, or TLS.

use tokio::net::TcpStream;

use crate::conversation::Conversation;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{Error, Handler, ServerOptions};

pub(crate) struct Transport {
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Transport {
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "HTTP needs no preparation"))]
    pub(crate) fn new(options: &ServerOptions) -> Result<Self, Error> {
        Ok(Self {
            #[cfg(feature = "tls")]
            tls: options.tls.clone().map(Tls::load).transpose()?,
        })
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
