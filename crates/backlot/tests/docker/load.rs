//! Clients that ask without a pause: nobody notices what happens behind nginx.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use backlot_testkit::read_answer;

const CLIENTS: usize = 8;
/// The length of what is posted.
const BODY: usize = 300;
/// Between two requests of a client: the processors are for the stack, too.
const PAUSE: Duration = Duration::from_millis(2);

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Came {
    /// How many were answered by which replica.
    pub(crate) answered: BTreeMap<String, usize>,
    /// What became of those that were not.
    pub(crate) failures: Vec<String>,
    /// How often a kept connection was found closed before an answer began, so that the request was sent once more.
    pub(crate) sent_again: usize,
}

impl Came {
    pub(crate) fn total(&self) -> usize {
        self.answered.values().sum()
    }
}

/// Clients at work. Half of them keep their connections, half of their requests are POSTs.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    came: Arc<Mutex<Came>>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn on(port: u16) -> Self {
        let (stop, came) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Came::default())));
        let clients = (0..CLIENTS)
            .map(|number| {
                let mut client = Client { port, keeps: number % 2 == 0, kept: None };
                let (stop, came) = (Arc::clone(&stop), Arc::clone(&came));
                thread::spawn(move || {
                    for round in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let posts = (round + number / 2) % 2 == 0;
                        let mut again = 0;
                        let outcome = client.ask(posts, &mut again);
                        let mut came = came.lock().unwrap();
                        came.sent_again += again;
                        match outcome {
                            Ok(replica) => *came.answered.entry(replica).or_default() += 1,
                            Err(failure) => came.failures.push(format!(
                                "{} (kept: {}): {failure}",
                                if posts { "POST" } else { "GET" },
                                client.keeps
                            )),
                        }
                        drop(came);
                        thread::sleep(PAUSE);
                    }
                })
            })
            .collect();
        Self { stop, came, clients }
    }

    /// How many requests were answered so far.
    pub(crate) fn answered(&self) -> usize {
        self.came.lock().unwrap().total()
    }

    /// Waits for `count` more answers.
    pub(crate) fn wait_for(&self, count: usize) {
        let before = self.answered();
        crate::wait_until("requests are answered", || self.answered() >= before + count);
    }

    /// What came so far of what was asked since the last time.
    pub(crate) fn take(&self) -> Came {
        std::mem::take(&mut *self.came.lock().unwrap())
    }

    /// Ends it; no request may have been lost since the last [`Load::take`].
    pub(crate) fn finish(self) -> Came {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        let came = std::mem::take(&mut *self.came.lock().unwrap());
        let shown: Vec<&String> = came.failures.iter().take(10).collect();
        assert!(shown.is_empty(), "{} of {} were lost: {shown:#?}", came.failures.len(), came.total());
        came
    }
}

struct Client {
    port: u16,
    keeps: bool,
    kept: Option<BufReader<TcpStream>>,
}

/// What became of one attempt.
enum Failed {
    /// The server closed the connection before it answered.
    Closed(String),
    Else(String),
}

impl Client {
    /// The replica that has answered. On a connection that was kept and is found closed it asks once more on a new one, as
    /// HTTP clients do.
    fn ask(&mut self, posts: bool, again: &mut usize) -> Result<String, String> {
        let was_kept = self.kept.is_some();
        match self.attempt(posts) {
            Ok(replica) => Ok(replica),
            Err(Failed::Closed(_)) if was_kept => {
                *again += 1;
                self.attempt(posts).map_err(|failed| match failed {
                    Failed::Closed(why) | Failed::Else(why) => format!("the second time: {why}"),
                })
            }
            Err(Failed::Closed(why) | Failed::Else(why)) => Err(why),
        }
    }

    fn attempt(&mut self, posts: bool) -> Result<String, Failed> {
        let other = |error: std::io::Error| Failed::Else(error.to_string());
        let mut reader = if let Some(reader) = self.kept.take() {
            reader
        } else {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(other)?;
            stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(other)?;
            stream.set_nodelay(true).map_err(other)?;
            BufReader::new(stream)
        };
        let (method, body) = if posts { ("POST", "x".repeat(BODY)) } else { ("GET", String::new()) };
        let wish = if self.keeps { "keep-alive" } else { "close" };
        let request = format!(
            "{method} / HTTP/1.1\r\nHost: page\r\nConnection: {wish}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let early = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => {
                Failed::Closed(error.to_string())
            }
            _ => Failed::Else(error.to_string()),
        };
        reader.get_mut().write_all(request.as_bytes()).map_err(early)?;
        if reader.fill_buf().map_err(early)?.is_empty() {
            return Err(Failed::Closed("closed before the answer".into()));
        }
        let (head, answer) = read_answer(&mut reader).map_err(Failed::Else)?;
        if self.keeps && !head.contains("connection: close") {
            self.kept = Some(reader);
        }
        match answer.split_once(' ') {
            Some((replica, read)) if head.starts_with("http/1.1 200") && read == body.len().to_string() => {
                Ok(replica.to_owned())
            }
            _ => Err(Failed::Else(format!("{}: {answer}", head.lines().next().unwrap_or_default()))),
        }
    }
}
