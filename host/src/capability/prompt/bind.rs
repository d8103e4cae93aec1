//! `cofferdam:tool/prompt` 1.0.

use wasmtime::component::{HasData, Linker};

use super::{PromptCall, PromptFault};
use crate::capability::bindings::cofferdam::tool::prompt;

/// The call's share of the host as `cofferdam:tool/prompt` wants it.
#[derive(Debug)]
pub struct PromptView<'a> {
    /// The call's prompts.
    pub call: &'a mut PromptCall,
}

struct HasPrompt;

impl HasData for HasPrompt {
    type Data<'a> = PromptView<'a>;
}

/// Links the interface.
///
/// # Errors
///
/// Where it is linked already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> PromptView<'_>,
) -> wasmtime::Result<()> {
    prompt::add_to_linker::<T, HasPrompt>(linker, get)
}

impl prompt::Host for PromptView<'_> {
    async fn render(&mut self, name: String, parameters: Vec<(String, String)>) -> Result<String, PromptFault> {
        self.call.render(&name, parameters)
    }

    fn convert_error(&mut self, fault: PromptFault) -> wasmtime::Result<prompt::Error> {
        Ok(match fault {
            PromptFault::Denied(why) => prompt::Error::Denied(why),
            PromptFault::Invalid(why) => prompt::Error::Invalid(why),
        })
    }
}
