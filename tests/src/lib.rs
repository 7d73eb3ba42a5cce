//! What Gaggle is tested with, and what its demo runs on: a Mattermost
//! simulator, a scripted LLM, and the lab in which the real programs run under
//! real accounts without touching the host.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod lab;
pub mod llm;
pub mod mattermost;
pub mod mutation;
