//! The fast backend of the benchmark: `backend PORT [BYTES]` answers every request with so many bytes (12 if not told),
//! and keeps connections open.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("usage: backend PORT [BYTES]")?.parse()?;
    let size: usize = arguments.next().map_or(Ok(12), |size| size.parse())?;
    let content = Bytes::from(vec![b'x'; size]);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let content = content.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let content = content.clone();
                async move {
                    let mut body = request.into_body();
                    // A body is read, as by any application that wants it.
                    while let Some(Ok(_)) = body.frame().await {}
                    Ok::<_, Infallible>(Response::new(Full::new(content)))
                }
            });
            tokio::spawn(Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}
