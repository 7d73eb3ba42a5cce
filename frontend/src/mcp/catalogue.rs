//! All tools: what they are called, what they take and give, and whether they write.
//!
//! Trust: what is said here of a tool is what clients are told, and what gates judge
//! by; there is no second list.

use std::fmt;
use std::sync::{Arc, LazyLock};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rmcp::handler::server::common::{schema_for_output, schema_for_type};
use rmcp::model::{JsonObject, Tool as Told, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::caller::Caller;
use super::refusal::Refusal;
use super::tools;

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// It looks.
    Read,
    /// Others see what it does. None takes anything away.
    Write,
}

type Call =
    dyn Fn(Arc<Caller>, JsonObject) -> BoxFuture<'static, Result<Value, Refusal>> + Send + Sync;

/// One tool.
pub struct Tool {
    /// By what it is called.
    pub name: &'static str,
    /// What it does, for people.
    pub title: &'static str,
    /// What it does, for models.
    pub description: &'static str,
    /// Whether it writes.
    pub class: Class,
    input: Arc<JsonObject>,
    output: Arc<JsonObject>,
    call: Box<Call>,
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("name", &self.name).field("class", &self.class).finish()
    }
}

impl Tool {
    pub(super) fn new<A, O, F>(
        (name, title): (&'static str, &'static str),
        class: Class,
        description: &'static str,
        call: fn(Arc<Caller>, A) -> F,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize + JsonSchema + 'static,
        F: Future<Output = Result<O, Refusal>> + Send + 'static,
    {
        let called = move |caller: Arc<Caller>, arguments: JsonObject| {
            let read = serde_path_to_error::deserialize::<_, A>(Value::Object(arguments));
            async move {
                let arguments = read.map_err(|error| Refusal::Arguments(error.to_string()))?;
                let found = call(caller, arguments).await?;
                // Only maps with keys that are no texts fail, and there are none.
                serde_json::to_value(found).map_err(|_| Refusal::Unavailable)
            }
            .boxed()
        };
        Self {
            name,
            title,
            description,
            class,
            input: schema_for_type::<A>(),
            output: schema_for_output::<O>(),
            call: Box::new(called),
        }
    }

    /// Calls it.
    pub(super) fn call(
        &self,
        caller: Arc<Caller>,
        arguments: JsonObject,
    ) -> BoxFuture<'static, Result<Value, Refusal>> {
        (self.call)(caller, arguments)
    }

    /// What clients are told of it.
    pub(super) fn told(&self) -> Told {
        let reads = self.class == Class::Read;
        let annotations = ToolAnnotations::with_title(self.title)
            .read_only(reads)
            .destructive(false)
            .idempotent(reads)
            .open_world(true);
        let mut told = Told::new(self.name, self.description, Arc::clone(&self.input));
        told.title = Some(self.title.to_owned());
        told.output_schema = Some(Arc::clone(&self.output));
        told.annotations = Some(annotations);
        told
    }
}

/// Every tool there is, in the order in which clients are told of them.
pub fn all() -> &'static [Tool] {
    static ALL: LazyLock<Vec<Tool>> = LazyLock::new(tools::all);
    &ALL
}

/// The tool that is called so.
pub(super) fn named(name: &str) -> Option<&'static Tool> {
    all().iter().find(|tool| tool.name == name)
}
