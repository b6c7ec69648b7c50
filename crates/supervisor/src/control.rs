//! The control socket, from inside: connections become inputs of the main loop.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use serde::Serialize;

use crate::addresses::Addresses;
use crate::driver::{ConnectionId, Input};
use crate::outbox::Outbox;
use crate::protocol::{Failure, Known, Message, Question, Request, Told};

/// The longest request: a runbook with all variables of all services.
const LONGEST_REQUEST: u64 = 64 * 1024 * 1024;
/// Threads that only copy need little.
const STACK: usize = 512 * 1024;

/// Listens at `path`, for us alone, and tells what comes as inputs; where they lead, `addresses` know.
pub(crate) fn listen(path: &Path, inputs: Sender<Input>, addresses: Arc<Addresses>) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let accept = move || {
        for (stream, number) in listener.incoming().zip(1..) {
            let Ok(stream) = stream else { continue };
            let (inputs, addresses) = (inputs.clone(), Arc::clone(&addresses));
            let serve = move || {
                // A client that went away is told of by the end of its stream.
                let _ = serve(&stream, number, &inputs, &addresses);
                addresses.forgotten_by(number);
                let _ = stream.shutdown(Shutdown::Both);
            };
            let _ = thread::Builder::new().name("client".into()).stack_size(STACK).spawn(serve);
        }
    };
    thread::Builder::new().name("control".into()).stack_size(STACK).spawn(accept).map(drop)
}

fn serve(stream: &UnixStream, number: u64, inputs: &Sender<Input>, addresses: &Addresses) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(LONGEST_REQUEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Ok(Question::Route { from, to, port, transport }) = serde_json::from_slice(&line) else { break };
        addresses.trusted_by(number, stream)?;
        let (route, lasts) = addresses.find(from, to, port, transport);
        say(stream, &Told::Done(if lasts { Known::Lasting(route) } else { Known::Route(route) }))?;
    }
    let connection = ConnectionId(number);
    let request: Request = match serde_json::from_slice(&line) {
        Ok(request) => request,
        Err(error) => {
            return say(
                stream,
                &Message::Failed(Failure::impossible(format!(
                    "the supervisor, which Backlot {} has started, does not know what it is asked for ({error})",
                    env!("CARGO_PKG_VERSION")
                ))),
            );
        }
    };
    let reply = Outbox::default();
    let outgoing = reply.outgoing();
    let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
    inputs.send(Input::Request { connection, request, reply }).map_err(|_| gone())?;
    let hung_up = inputs.clone();
    let listen = move || {
        // Nothing more is sent: what ends this is the end.
        let _ = io::copy(&mut reader, &mut io::sink());
        let _ = hung_up.send(Input::HungUp { connection });
    };
    thread::Builder::new().name("client-end".into()).stack_size(STACK).spawn(listen)?;
    while let Some(message) = outgoing.next() {
        say(stream, &message)?;
    }
    Ok(())
}

fn say(mut stream: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}
