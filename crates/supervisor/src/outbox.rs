//! What is told to a client, as far as it takes it.
//!
//! The main loop never waits for a client, and a client that does not read (it was stopped, or is stuck itself) must not
//! make us grow. So no more than [`MOST_NEWS`] wait for it: the oldest are left out, and the next thing that it reads is how
//! many. The answer to its request is always kept, and comes last.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::protocol::{Message, News};

/// As many news wait for a client.
const MOST_NEWS: usize = 256;

/// The main loop's end. A client is told no more when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Arc<Shared>);

/// The end of the thread that writes to the client.
#[derive(Debug)]
pub(crate) struct Outgoing(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    news: VecDeque<News>,
    left_out: u64,
    answer: Option<Message>,
    is_over: bool,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox {
    /// What the writing thread takes from.
    pub(crate) fn outgoing(&self) -> Outgoing {
        Outgoing(Arc::clone(&self.0))
    }

    /// Tells something that happened.
    pub(crate) fn tell(&self, news: News) {
        let mut waiting = self.0.waiting();
        if waiting.news.len() == MOST_NEWS {
            waiting.news.pop_front();
            waiting.left_out += 1;
        }
        waiting.news.push_back(news);
        self.0.changed.notify_one();
    }

    /// Answers, which is the last that is told.
    pub(crate) fn answer(self, message: Message) {
        self.0.waiting().answer = Some(message);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.waiting().is_over = true;
        self.0.changed.notify_one();
    }
}

impl Outgoing {
    /// What is to be written next, once there is something; nothing when that was all.
    pub(crate) fn next(&self) -> Option<Message> {
        let mut waiting = self.0.waiting();
        loop {
            let left_out = std::mem::take(&mut waiting.left_out);
            if left_out > 0 {
                return Some(Message::News(missing(left_out)));
            }
            if let Some(news) = waiting.news.pop_front() {
                return Some(Message::News(news));
            }
            if waiting.is_over {
                return waiting.answer.take();
            }
            waiting = self.0.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn missing(count: u64) -> News {
    let text = format!("leaves out {count} older lines, which nobody has read in time");
    News { service: "backlot".into(), replica: None, text, bad: false }
}

#[cfg(test)]
mod tests {
    use super::{MOST_NEWS, Outbox, Outgoing};
    use crate::protocol::{Answer, Message, News};

    fn tell(outbox: &Outbox, number: usize) {
        outbox.tell(News { service: "web".into(), replica: None, text: number.to_string(), bad: false });
    }

    fn texts(outgoing: &Outgoing) -> Vec<String> {
        let next = || match outgoing.next()? {
            Message::News(news) => Some(news.text),
            Message::Done(_) => Some("done".into()),
            Message::Failed(_) => Some("failed".into()),
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn what_is_told_comes_in_its_order_and_the_answer_last() {
        let outbox = Outbox::default();
        let outgoing = outbox.outgoing();
        let reader = std::thread::spawn(move || texts(&outgoing));
        (0..3).for_each(|number| tell(&outbox, number));
        outbox.answer(Message::Done(Answer::Nothing));
        assert_eq!(reader.join().unwrap(), ["0", "1", "2", "done"]);
        let outbox = Outbox::default();
        let outgoing = outbox.outgoing();
        drop(outbox);
        assert!(outgoing.next().is_none());
    }

    #[test]
    fn a_client_that_does_not_read_is_told_the_newest_and_how_many_are_missing() {
        let outbox = Outbox::default();
        let outgoing = outbox.outgoing();
        (0..MOST_NEWS + 1000).for_each(|number| tell(&outbox, number));
        assert_eq!(outbox.0.waiting().news.len(), MOST_NEWS);
        outbox.answer(Message::Done(Answer::Nothing));
        let texts = texts(&outgoing);
        assert_eq!(texts[0], "leaves out 1000 older lines, which nobody has read in time");
        assert_eq!((texts[1].as_str(), texts.len()), ("1000", MOST_NEWS + 2));
        assert_eq!(texts.last().unwrap(), "done");
    }
}
