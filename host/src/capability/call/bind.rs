//! `cofferdam:tool/call` 1.0. Linked by hand: fuel goes from a store to the calls that it makes and comes back, and only a
//! function that has the store can move it.

use std::task::Poll;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};

use super::{Answer, Asked, Bytes, CallsCall, Failure, Pending, Piece};
use crate::capability::CapabilityView;
use crate::capability::bindings::cofferdam::tool::call;
use crate::capability::tape::{Line, question};

/// The call's share of the host as `cofferdam:tool/call` wants it.
#[derive(Debug)]
pub struct CallsView<'a> {
    /// The call's handles.
    pub table: &'a mut ResourceTable,
    /// Its calls.
    pub call: &'a mut CallsCall,
    /// Its tape.
    pub line: Option<&'a Line>,
}

type Answered = Result<call::Output, call::Error>;

/// Links the interface.
///
/// # Errors
///
/// Where it is linked already.
pub fn add_to_linker<T: CapabilityView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("cofferdam:tool/call@1.0.0")?;
    interface.resource("pending", ResourceType::host::<Pending>(), |mut store: StoreContextMut<'_, T>, handle| {
        // What it was given of fuel is gone: how much of that it used is known when it has ended, which nobody waits for.
        view(&mut store).table.delete(Resource::<Pending>::new_own(handle))?;
        Ok(())
    })?;
    interface.func_wrap_async(
        "call",
        |mut store: StoreContextMut<'_, T>, (tool, arguments, options): (String, String, call::Options)| {
            Box::new(async move {
                Ok((match start(&mut store, &tool, arguments, options, true).await? {
                    Ok(pending) => wait(&mut store, pending).await?,
                    Err(error) => Err(error),
                },))
            })
        },
    )?;
    interface.func_wrap_async(
        "start",
        |mut store: StoreContextMut<'_, T>, (tool, arguments, options): (String, String, call::Options)| {
            Box::new(async move {
                Ok((match start(&mut store, &tool, arguments, options, false).await? {
                    Ok(pending) => Ok(view(&mut store).table.push(pending)?),
                    Err(error) => Err(error),
                },))
            })
        },
    )?;
    interface.func_wrap_async("wait", |mut store: StoreContextMut<'_, T>, (pending,): (Resource<Pending>,)| {
        Box::new(async move {
            let pending = view(&mut store).table.delete(pending)?;
            Ok((wait(&mut store, pending).await?,))
        })
    })?;
    interface.func_wrap_async("wait-any", |mut store: StoreContextMut<'_, T>, (pending,): (Vec<Resource<Pending>>,)| {
        Box::new(async move { Ok((wait_any(&mut view(&mut store), &pending).await?,)) })
    })
}

fn view<'a, T: CapabilityView>(store: &'a mut StoreContextMut<'_, T>) -> CallsView<'a> {
    store.data_mut().capabilities().calls()
}

async fn start<T: CapabilityView>(
    store: &mut StoreContextMut<'_, T>,
    tool: &str,
    arguments: String,
    options: call::Options,
    waits: bool,
) -> wasmtime::Result<Result<Pending, call::Error>> {
    let left = store.get_fuel()?;
    let asked = Asked { deadline_ms: options.deadline_ms, fuel: options.fuel, waits };
    let CallsView { call, line, .. } = view(store);
    let started = call.start(tool, arguments, asked, left, line).await?;
    if let Ok(pending) = &started {
        store.set_fuel(left - pending.part())?;
    }
    Ok(started.map_err(Into::into))
}

async fn wait<T: CapabilityView>(store: &mut StoreContextMut<'_, T>, pending: Pending) -> wasmtime::Result<Answered> {
    let CallsView { call, line, .. } = view(store);
    let (answer, back) = call.wait(pending, line).await?;
    store.set_fuel(store.get_fuel()?.saturating_add(back))?;
    Ok(answer.map(Into::into).map_err(Into::into))
}

async fn wait_any(view: &mut CallsView<'_>, handles: &[Resource<Pending>]) -> wasmtime::Result<u32> {
    if handles.is_empty() {
        wasmtime::bail!("it waits for one of no calls");
    }
    let mut numbers = Vec::with_capacity(handles.len());
    for handle in handles {
        numbers.push(view.table.get(handle)?.number());
    }
    let question = question(view.line, "call-wait-any", &numbers);
    if let Some(question) = &question
        && let Some(told) = question.told::<u32>()?
    {
        return Ok(told);
    }
    let table = &mut *view.table;
    let first = std::future::poll_fn(|context| {
        for (nth, handle) in handles.iter().enumerate() {
            let ended = table.get_mut(handle).map(|pending| pending.poll_ended(context).is_ready());
            match ended {
                Ok(false) => {}
                Ok(true) => return Poll::Ready(Ok(u32::try_from(nth).unwrap_or(u32::MAX))),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    });
    let nth = first.await?;
    if let Some(question) = question {
        question.note(&nth);
    }
    Ok(nth)
}

impl From<Failure> for call::Error {
    fn from(failure: Failure) -> Self {
        let Failure { code, message, next } = failure;
        Self { code, message, next }
    }
}

impl From<Answer> for call::Output {
    fn from(answer: Answer) -> Self {
        let blob = |Bytes { media_type, name, data }: Bytes| call::Blob { media_type, name, data };
        let content = answer.content.into_iter().map(|piece| match piece {
            Piece::Text(text) => call::Content::Text(text),
            Piece::Json(json) => call::Content::Json(json),
            Piece::Image(bytes) => call::Content::Image(blob(bytes)),
            Piece::File(bytes) => call::Content::File(blob(bytes)),
        });
        Self { content: content.collect(), is_error: answer.is_error }
    }
}
