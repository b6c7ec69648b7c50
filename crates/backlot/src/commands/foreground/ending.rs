//! What ends a stack in the foreground as soon as one of its services has ended.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;

use backlot_engine::{Engine, EngineError, Site};
use backlot_supervisor::{Answer, FailureCode, Request};

use super::shown::EndsWith;
use crate::context::Context;

/// A service that has ended, and its exit code.
#[derive(Debug)]
pub struct End {
    pub service: String,
    pub code: i32,
}

/// Tells `tell` of the service whose end is the end of all; of nothing, where all have ended and none of them so. Until `over` is set.
pub fn look_for(
    end: EndsWith,
    site: &Site,
    over: &AtomicBool,
    context: &Context,
    tell: &Sender<Option<End>>,
) {
    // Where there is none, whoever looks on is told so.
    let Ok(engine) = context.engine(site) else { return };
    match find(end, site, engine.as_ref(), over) {
        Ok(found) => drop(tell.send(found)),
        // Whoever looked on has gone, or somebody else has stopped all of it: that is told by others.
        Err(EngineError::StoppedWaiting | EngineError::NoServices { .. } | EngineError::Control(_)) => {}
        Err(EngineError::Supervisor(failure)) if failure.code == FailureCode::Stopping => {}
        Err(error) => context.complain(&error.into()),
    }
}

fn find(
    end: EndsWith,
    site: &Site,
    engine: &dyn Engine,
    over: &AtomicBool,
) -> Result<Option<End>, EngineError> {
    let up = engine.services(site)?.into_iter().filter(|service| !service.replicas.is_empty());
    let mut awaited: Vec<String> = up.map(|service| service.name).collect();
    while !awaited.is_empty() {
        let request = Request::WaitStopped { services: awaited.clone() };
        let answer = engine.ask(site, &request, over, &mut |_| {})?;
        let Answer::Exit { service, code } = answer else { return Ok(None) };
        if code != 0 || end == EndsWith::Any {
            return Ok(Some(End { service, code }));
        }
        awaited.retain(|name| *name != service);
    }
    Ok(None)
}
