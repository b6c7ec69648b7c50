//! TLS at the same port: a client's first byte tells. Each name has a certificate of its own, made when it is asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use backlot_state::Home;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

use crate::authority::Authority;
use crate::names::{Asked, asked};

/// What a client of TLS says first: a record of the handshake.
pub(crate) const HELLO: u8 = 0x16;
/// The answer where nobody can vouch for a name: a fatal alert, that no handshake can be had.
pub(crate) const NO: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];
/// So many certificates are kept.
const MOST: usize = 1000;

/// The way to speak TLS with the authority of a home, once there is one.
pub(crate) struct Tls {
    home: Home,
    acceptor: Mutex<Option<TlsAcceptor>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn new(home: Home) -> Self {
        Self { home, acceptor: Mutex::default() }
    }

    /// A client that has begun to speak TLS; none if it cannot be answered, or does not like the answer.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let Some(acceptor) = self.acceptor() else {
            let _ = stream.writable().await;
            // It is gone if it does not take that.
            let _ = stream.try_write(&NO);
            return None;
        };
        acceptor.accept(stream).await.ok()
    }

    fn acceptor(&self) -> Option<TlsAcceptor> {
        let mut acceptor = self.acceptor.lock().unwrap_or_else(PoisonError::into_inner);
        if acceptor.is_none() && graviola::util::is_cpu_supported() {
            *acceptor = Authority::of(&self.home).ok().flatten().and_then(config).map(TlsAcceptor::from);
        }
        acceptor.clone()
    }
}

fn config(authority: Authority) -> Option<Arc<ServerConfig>> {
    let provider = Arc::new(rustls_graviola::default_provider());
    let names = Names { authority, provider: Arc::clone(&provider), made: Mutex::default() };
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(names));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}

/// The certificates of names.
struct Names {
    authority: Authority,
    provider: Arc<CryptoProvider>,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl fmt::Debug for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Names").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = match asked(hello.server_name()?) {
            Asked::Door => "localhost".to_owned(),
            Asked::Name(name) => format!("{name}.localhost"),
            Asked::Foreign => return None,
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(&name) {
            return Some(Arc::clone(known));
        }
        let vouched = self.authority.vouch(&name).ok()?;
        let chain = vouched.chain.into_iter().map(CertificateDer::from).collect();
        let key =
            self.provider.key_provider.load_private_key(PrivatePkcs8KeyDer::from(vouched.key).into()).ok()?;
        let certified = Arc::new(CertifiedKey::new(chain, key));
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(name, Arc::clone(&certified));
        Some(certified)
    }
}
