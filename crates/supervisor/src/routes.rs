//! Where the addresses of an environment lead, asked of its supervisor by those beside it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use backlot_view::{Route, Transport};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use crate::client::PATIENCE;
use crate::protocol::{Known, Question, Told};

/// A connection to a supervisor for one such question after the other: a program may connect a thousand times a second.
#[derive(Debug)]
pub struct Routes {
    connection: BufReader<UnixStream>,
    /// What stays so for as long as the connection does.
    lasting: Vec<(Question, Route)>,
}

impl Routes {
    pub(crate) fn over(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { connection: BufReader::new(stream), lasting: Vec::new() })
    }

    /// Where `port` of the address `to` leads, for a program whose own address is `from`.
    ///
    /// # Errors
    /// When the supervisor is gone or says nothing that is understood: the connection is of no more use then.
    pub fn ask(
        &mut self,
        from: Ipv4Addr,
        to: Ipv4Addr,
        port: u16,
        transport: Transport,
    ) -> io::Result<Route> {
        let question = Question::Route { from, to, port, transport };
        if let Some((_, route)) = self.lasting.iter().find(|(asked, _)| *asked == question) {
            let route = *route;
            return self.is_open()?.then_some(route).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let mut line = serde_json::to_vec(&question)?;
        line.push(b'\n');
        self.connection.get_mut().write_all(&line)?;
        line.clear();
        self.connection.read_until(b'\n', &mut line)?;
        match serde_json::from_slice(&line)? {
            Told::Done(Known::Route(route)) => Ok(route),
            Told::Done(Known::Lasting(route)) => {
                self.lasting.push((question, route));
                Ok(route)
            }
        }
    }

    /// Whether the supervisor has not ended the connection.
    fn is_open(&self) -> io::Result<bool> {
        let socket = self.connection.get_ref().as_raw_fd();
        match recv(socket, &mut [0], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT) {
            Ok(read) => Ok(read > 0),
            Err(Errno::EAGAIN) => Ok(true),
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::os::unix::net::UnixStream;

    use backlot_view::{Route, Transport};

    use super::Routes;
    use crate::protocol::{Known, Told};

    #[test]
    fn what_lasts_is_asked_once_and_over_with_the_connection() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let place = |port| Route::To(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        let answer = move || {
            let mut questions = BufReader::new(theirs.try_clone().unwrap()).lines();
            for known in [Known::Route(place(1)), Known::Lasting(place(2))] {
                questions.next().unwrap().unwrap();
                let line = serde_json::to_string(&Told::Done(known)).unwrap();
                (&theirs).write_all(format!("{line}\n").as_bytes()).unwrap();
            }
            theirs
        };
        let answering = std::thread::spawn(answer);
        let mut routes = Routes::over(ours).unwrap();
        let [from, to] = [1, 2].map(|last| Ipv4Addr::new(127, 16, 0, last));
        let mut ask = |port| routes.ask(from, to, port, Transport::Tcp);
        assert_eq!(ask(80).unwrap(), place(1));
        assert_eq!(ask(80).unwrap(), place(2));
        let theirs = answering.join().unwrap();
        assert_eq!(ask(80).unwrap(), place(2), "nobody has answered again");
        drop(theirs);
        assert!(ask(80).is_err());
    }
}
