//! `cofferdam:tool/model` 1.0.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::{ModelCall, ModelFault, OpenReply};
use crate::capability::bindings::cofferdam::tool::model::{self, Answer, ChatRequest, Piece, Vectors};
use crate::capability::tape::{Line, ask, question};

/// The call's share of the host as `cofferdam:tool/model` wants it.
#[derive(Debug)]
pub struct ModelView<'a> {
    /// The call's handles.
    pub table: &'a mut ResourceTable,
    /// The call's requests.
    pub call: &'a mut ModelCall,
    /// The call's tape, where it has one.
    pub line: Option<&'a Line>,
}

struct HasModel;

impl HasData for HasModel {
    type Data<'a> = ModelView<'a>;
}

/// Links the interface.
///
/// # Errors
///
/// Where it is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> ModelView<'_>,
) -> wasmtime::Result<()> {
    model::add_to_linker::<T, HasModel>(linker, get)
}

impl model::Host for ModelView<'_> {
    async fn chat(&mut self, request: ChatRequest) -> Result<Answer, ModelFault> {
        self.call.granted(&request.route)?;
        let question = question(self.line, "model.chat", &request);
        ask(question, Box::pin(self.call.chat(request))).await
    }

    async fn stream(&mut self, request: ChatRequest) -> Result<Resource<OpenReply>, ModelFault> {
        self.call.granted(&request.route)?;
        let question = question(self.line, "model.stream", &request);
        // In a replay all of it is on the tape.
        let (mut reply, call) = (None, self.call.clone());
        let begun = async {
            reply = Some(Box::pin(call.stream(request)).await?);
            Ok::<_, ModelFault>(())
        };
        ask(question, begun).await?;
        let line = self.line.map(|line| line.tape().line());
        Ok(self.table.push(OpenReply { reply, line })?)
    }

    async fn embed(&mut self, route: String, texts: Vec<String>) -> Result<Vectors, ModelFault> {
        self.call.granted(&route)?;
        let question = question(self.line, "model.embed", &(&route, &texts));
        ask(question, Box::pin(self.call.embed(&route, &texts))).await
    }

    fn convert_error(&mut self, fault: ModelFault) -> wasmtime::Result<model::Error> {
        match fault {
            ModelFault::Denied(why) => Ok(model::Error::Denied(why)),
            ModelFault::Invalid(why) => Ok(model::Error::Invalid(why)),
            ModelFault::Budget(why) => Ok(model::Error::BudgetExceeded(why)),
            ModelFault::Unavailable(why) => Ok(model::Error::Unavailable(why)),
            ModelFault::Stop(stop) => Err(stop.into()),
            ModelFault::Handle(error) => Err(error.into()),
        }
    }
}

impl model::HostReply for ModelView<'_> {
    async fn next(&mut self, reply: Resource<OpenReply>) -> Result<Option<Piece>, ModelFault> {
        let OpenReply { reply, line } = self.table.get_mut(&reply)?;
        let question = question(line.as_ref(), "model.next", &());
        let next = async {
            match reply {
                Some(reply) => Box::pin(reply.next()).await,
                None => Ok(None),
            }
        };
        ask(question, next).await
    }

    async fn drop(&mut self, reply: Resource<OpenReply>) -> wasmtime::Result<()> {
        self.table.delete(reply)?;
        Ok(())
    }
}
