//! Whether a tool may be used at all, which is somebody else's to say than whose
//! rights a call has.
//!
//! Trust: whoever implements it. A tool that is not offered is refused as well: what an
//! agent was told of earlier, or makes up, is no way around it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use rmcp::model::JsonObject;

use super::catalogue::{Class, Tool};
use super::refusal::Refusal;

/// Decides about tools.
pub trait Gate: Send + Sync + 'static {
    /// The caller is told of it.
    fn offers(&self, tool: &Tool) -> bool;

    /// It may be called with these arguments now. May take as long as a person needs.
    fn admit<'a>(
        &'a self,
        tool: &'a Tool,
        arguments: &'a JsonObject,
    ) -> BoxFuture<'a, Result<(), Refusal>>;
}

impl<G: Gate> Gate for Arc<G> {
    fn offers(&self, tool: &Tool) -> bool {
        self.as_ref().offers(tool)
    }

    fn admit<'a>(
        &'a self,
        tool: &'a Tool,
        arguments: &'a JsonObject,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        self.as_ref().admit(tool, arguments)
    }
}

/// What holds for tools that write, where nobody is there to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// They are not offered.
    Deny,
    /// They run.
    Allow,
}

impl Gate for Writes {
    fn offers(&self, tool: &Tool) -> bool {
        *self == Self::Allow || tool.class == Class::Read
    }

    fn admit<'a>(
        &'a self,
        tool: &'a Tool,
        _: &'a JsonObject,
    ) -> BoxFuture<'a, Result<(), Refusal>> {
        let admitted = match self.offers(tool) {
            true => Ok(()),
            false => Err(Refusal::Denied(tool.name.to_owned())),
        };
        Box::pin(std::future::ready(admitted))
    }
}
