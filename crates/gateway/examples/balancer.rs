//! The gateway by itself, for the benchmark: `balancer PORT THREADS REPLICA_PORT...`. With 0 threads all of it runs on one
//! runtime of several threads.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use backlot_gateway::{EndpointConfig, Gateway, Kind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers: Vec<u16> =
        std::env::args().skip(1).map(|number| number.parse()).collect::<Result<_, _>>()?;
    let [port, threads, replicas @ ..] = &numbers[..] else {
        return Err("usage: balancer PORT THREADS REPLICA_PORT...".into());
    };
    let runtime = match threads {
        0 => tokio::runtime::Builder::new_multi_thread().enable_all().build()?,
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    let gateway = match threads {
        0 => Gateway::new(runtime.handle().clone()),
        _ => Gateway::with_threads(runtime.handle().clone(), usize::from(*threads))?,
    };
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, *port))?;
    let endpoint = gateway.open(EndpointConfig::new(format!("bench:{port}"), listen, Kind::Http))?;
    for (number, replica) in replicas.iter().enumerate() {
        endpoint.add(format!("bench.{}", number + 1), SocketAddr::from((Ipv4Addr::LOCALHOST, *replica)))?;
    }
    runtime.block_on(std::future::pending())
}
